"""Logs as lines of JSON: their fields, and text of clients that tries to forge them."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stormdoor.core.denial import Denial, Refusal
from stormdoor.logs import JsonFormatter, log_as_json
from tests.guard.fakes import bearer, make_guard, opened, refused, settle
from tests.support.clock import FakeClock

FORGED = '/ws\n{"level": "INFO", "message": "admitted"}\r\x1b[2J\x00\u2028\ud800"'


def record(message: str = "a message", *arguments: Any, **extra: Any) -> logging.LogRecord:
    """A record as a logger makes it."""
    logger = logging.getLogger("stormdoor.test")
    return logger.makeRecord(
        logger.name, logging.WARNING, __file__, 1, message, arguments, None, extra=extra
    )


def fields(one: logging.LogRecord) -> dict[str, Any]:
    """The object of its line; the line is ASCII without a control character."""
    line = JsonFormatter().format(one)
    assert line.isascii()
    assert line.isprintable()
    read: dict[str, Any] = json.loads(line)
    return read


@contextmanager
def both(name: str) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """Collects the lines of a logger, as text and as JSON."""
    text: list[str] = []
    objects: list[dict[str, Any]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text.append(self.format(record))
            objects.append(fields(record))

    collector, logger = Collector(), logging.getLogger(name)
    logger.addHandler(collector)
    try:
        yield text, objects
    finally:
        logger.removeHandler(collector)


def test_a_record_has_its_fields() -> None:
    """The time in UTC, the level, the logger, the message, and each field of `extra=` with its type."""
    one = record("refused %s", "forbidden", cause="forbidden", policies=["night"], hidden=3)
    one.created = 1_767_225_600.25
    assert fields(one) == {
        "time": "2026-01-01T00:00:00.250+00:00",
        "level": "WARNING",
        "logger": "stormdoor.test",
        "message": "refused forbidden",
        "cause": "forbidden",
        "policies": ["night"],
        "hidden": 3,
    }


def test_no_extra_field_replaces_another() -> None:
    """Not the time, the level or the logger."""
    found = fields(record(time="never", level="DEBUG", logger="mine"))
    assert found["level"] == "WARNING"
    assert found["logger"] == "stormdoor.test"
    assert found["time"] != "never"


class Loop:
    """Something with a text and no JSON."""

    def __str__(self) -> str:
        return "a loop"


def test_what_json_lacks_is_written_as_text() -> None:
    """A formatter that raises would lose the record."""
    assert fields(record(one=Loop()))["one"] == "a loop"
    assert fields(record(one=float("nan")))["one"] == "nan"
    assert fields(record(one={(1, 2): 3}))["one"] == "{(1, 2): 3}"
    itself: list[Any] = []
    itself.append(itself)
    assert fields(record(one=itself))["one"] == "[[...]]"


def test_an_exception_and_a_stack_are_fields() -> None:
    """On the same line. A traceback that a filter has redacted is taken as it is."""
    one = record()
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        one.exc_info = sys.exc_info()
    one.stack_info = "Stack (most recent call last):\n  here"
    found = fields(one)
    assert found["exception"].endswith("ValueError: line one\nline two")
    assert found["stack"].endswith("here")
    redacted = record()
    redacted.exc_info, redacted.exc_text = one.exc_info, "redacted"
    assert fields(redacted)["exception"] == "redacted"


def test_a_client_cannot_forge_a_line() -> None:
    """Line ends, control characters, quotation marks and half surrogate pairs are escaped."""
    found = fields(record("refused %s", FORGED, endpoint=FORGED))
    assert found["endpoint"] == FORGED
    assert found["message"] == f"refused {FORGED}"
    assert found["level"] == "WARNING"


async def test_a_refused_handshake_has_structured_fields() -> None:
    """The facts of the text are fields. The text is as it was; no field holds the credential."""
    guard = await settle(make_guard())
    with both("stormdoor.refused") as (text, objects):
        await refused(guard, bearer("secret-of-mallory", path="/ws\nforged"))
    (found,) = objects
    ref = found.pop("ref")
    assert text == [
        f"refused bad-credential '/ws\\nforged' from 192.0.2.1: token: no such token (reference {ref})",
    ]
    assert "secret-of-mallory" not in repr(found)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "WARNING",
        "logger": "stormdoor.refused",
        "message": text[0],
        "event_name": "authn_login_fail",
        "cause": "bad-credential",
        "endpoint": "/ws\nforged",
        "permission": "chat:connect",
        "address": "192.0.2.1",
        "detail": "token: no such token",
    }
    await guard.close()


async def test_refused_messages_and_closes_have_structured_fields() -> None:
    """With the connection, the principal and the kind of credential."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    of_connection = {
        "endpoint": "/ws",
        "kind": "token",
        "principal": "alice",
        "address": "192.0.2.1",
        "connection": connection.id,
    }
    with both("stormdoor.refused") as (text, objects):
        why = Refusal(Denial.FORBIDDEN, "the policy night", policy_ids=("night",))
        guard.inbound.reject(connection, why, permission="chat:say")
    assert text == ["refused a message, forbidden '/ws' from 192.0.2.1 ('alice'): the policy night"]
    assert (
        objects[0].items()
        >= {
            "event_name": "authz_fail",
            "cause": "forbidden",
            "permission": "chat:say",
            "policies": ["night"],
            "detail": "the policy night",
            **of_connection,
        }.items()
    )
    with both("stormdoor.closed") as (text, objects):
        guard.registry.end(connection, Refusal(Denial.REVOKED, "revoked: principal"))
    assert text == [
        (
            "closed a connection, revoked '/ws' from 192.0.2.1 ('alice'): revoked: principal "
            f"(reference {objects[0]['ref']})"
        )
    ]
    assert objects[0].items() >= {"event_name": "connection_closed", **of_connection}.items()
    await guard.close()


async def test_hidden_records_are_counted_in_a_field() -> None:
    """Ten lines a minute of a cause; the next one has the number of those between."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock, limits={"failures_per_address": "1000/s"}))
    with both("stormdoor.refused") as (text, objects):
        for _ in range(15):
            await refused(guard, bearer("mallory", origin="https://evil.example"))
        clock.advance(60.0)
        await refused(guard, bearer("mallory", origin="https://evil.example"))
    assert len(text) == 11
    assert text[-1].endswith(" [and 5 like it]")
    assert objects[-1]["hidden"] == 5
    await guard.close()


async def test_a_client_with_many_addresses_fills_no_log() -> None:
    """A hundred lines a minute of a cause, from all networks together; the next one has the rest."""
    clock = FakeClock()
    guard = await settle(make_guard(clock=clock))
    with both("stormdoor.refused") as (text, objects):
        for n in range(300):
            foreign = bearer("mallory", origin="https://evil.example")
            await refused(guard, replace(foreign, address=f"2001:db8:0:{n:x}::1"))
        clock.advance(60.0)
        await refused(guard, bearer("mallory", origin="https://evil.example"))
    assert len(text) == 101
    assert objects[-1]["hidden"] == 200
    await guard.close()


def test_the_log_of_a_process_as_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handlers of standard output and error change, of each logger; one of a file does not."""
    root, own = logging.getLogger(), logging.getLogger("stormdoor.test.own")
    monkeypatch.setattr(root, "handlers", [])
    to_terminal, to_file = logging.StreamHandler(sys.stdout), logging.FileHandler(tmp_path / "log")
    own.propagate = False
    for one in (to_terminal, to_file):
        own.addHandler(one)
    try:
        log_as_json()
        own.warning("refused %s", "it", extra={"cause": "forbidden"})
        root.warning("of the root")
    finally:
        for one in (to_terminal, to_file):
            own.removeHandler(one)
            one.close()
    said = capsys.readouterr()
    line = json.loads(said.out)
    assert (line["message"], line["cause"], line["process"]) == (
        "refused it",
        "forbidden",
        os.getpid(),
    )
    assert json.loads(said.err)["message"] == "of the root"
    assert (tmp_path / "log").read_text("utf-8") == "refused it\n"
