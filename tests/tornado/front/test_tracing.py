"""The spans of a guard are the same with the front and without."""

from __future__ import annotations

from typing import Any

from stormdoor import Guard
from stormdoor.otel import instrument
from tests.guard.fakes import make_guard
from tests.otel.served import Spans
from tests.tornado.front.test_connections import ADMITTED, REFUSED, echo
from tests.tornado.front.ways import observed
from tests.tornado.wire import log_lines

TRACED = ADMITTED.replace(
    b"\r\n", b"\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", 1
)


def told(spans: Spans) -> list[Any]:
    """Everything in the spans but their numbers and times."""
    return [
        (
            one.name,
            one.kind,
            dict(one.attributes or {}),
            one.status.status_code,
            [link.context.trace_id for link in one.links if link.context.is_remote],
            [event.name for event in one.events],
        )
        for one in spans.all()
    ]


async def test_the_spans_of_a_guard() -> None:
    """Handshakes with and without a trace of the client, a refused one, and a message."""
    found: list[Any] = []
    with log_lines("opentelemetry") as lines:
        for front in (False, True):
            spans = Spans()

            def guard(spans: Spans = spans) -> Guard:
                made = make_guard(insecure_allow_any_host=True)
                instrument(made, tracer_provider=spans.provider, message_ratio=1.0)
                return made

            seen, served = await observed(
                echo, [ADMITTED], [TRACED], [REFUSED], front=front, guard=guard
            )
            found.append((seen, told(spans)))
            assert served == 0  # Tornado serves traced handshakes
    assert found[0] == found[1]
    assert sorted(one[0] for one in found[1][1]) == ["handshake /ws"] * 3 + ["message /ws"] * 2
    assert lines == []
