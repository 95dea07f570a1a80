"""Packages that trace Tornado see guarded handlers as they see plain ones."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.installing import importing, install_apart
from tests.support.project import ROOT

pytestmark = [
    pytest.mark.installs,
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.xdist_group("tracing"),
]

_LOCK = ROOT / "requirements" / "tracing.txt"
_PATIENCE = 120.0  # only a failure takes that long

WAYS = ["fast", "tornado", "no-front"]
ROUTES = [r"/room/(\w+)", "/quiet", "/failing", "/failing-later", "/refusing"]
OF_THE_HANDLERS = {
    "Uncaught exception GET /failing : RuntimeError('a failure of the handler')",
    "Uncaught exception GET /failing-later : RuntimeError('a later failure of the handler')",
}


@functools.cache
def traced(package: str, *way: str) -> Any:
    """Return the package's records and the ERROR lines of the log, without those of the handlers."""
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder = install_apart(f"tracing/{digest}", ["--require-hashes", "-r", str(_LOCK)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.traced", package, *way],
        cwd=ROOT,
        env=importing(folder),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    errors = [one.removeprefix("tornado.application: ") for one in told["errors"]]
    assert set(errors) >= OF_THE_HANDLERS
    return told["recorded"], sorted(one.partition(":")[0] for one in set(errors) - OF_THE_HANDLERS)


@pytest.mark.parametrize("way", WAYS)
def test_opentelemetry_records_what_it_records_without_a_guard(way: str) -> None:
    """Methods, routes, classes and results of each handshake; and it logs nothing more of its own."""
    plain, plain_errors = traced("opentelemetry", "plain")
    assert plain[0] == ["GET /room/{room}", "__main__.Room", "UNSET"]
    guarded, errors = traced("opentelemetry", way)
    assert guarded == plain
    # Where a coroutine of a handler raises, the package logs an error with plain Tornado as well.
    assert errors == ([] if way != "tornado" else plain_errors)


@pytest.mark.parametrize("way", WAYS)
def test_opentelemetry_with_a_first_message(way: str) -> None:
    """A span begins with the handler's `prepare`, and ends with the connection."""
    plain, plain_errors = traced("opentelemetry", "plain")
    guarded, errors = traced("opentelemetry", way, "first")
    assert guarded == plain[: len(guarded)]
    assert len(guarded) == 4
    assert errors == ([] if way != "tornado" else plain_errors)


@pytest.mark.parametrize("way", WAYS)
def test_opentelemetry_beside_the_spans_of_the_guard(way: str) -> None:
    """The spans of the package are the same. A refused handshake has one, with its cause and status."""
    alone, alone_errors = traced("opentelemetry", way)
    both, errors = traced("opentelemetry", way, "own")
    assert [one for one in both if isinstance(one[1], str)] == alone
    own = [one for one in both if not isinstance(one[1], str)]
    admitted = ["admitted", None, None]
    handshakes = [one for one in own if one[0].startswith("handshake ")]
    assert handshakes == [
        [r"handshake /room/(\w+)", admitted, "UNSET"],
        *(
            [f"handshake /{path}", admitted, "UNSET"]
            for path in ("quiet", "failing", "failing-later", "refusing")
        ),
        [r"handshake /room/(\w+)", ["refused", "bad-credential", 401], "UNSET"],
    ]
    messages = [one[0] for one in own if one not in handshakes]
    assert messages == [
        r"message /room/(\w+)",
        *(f"message /{path}" for path in ("quiet", "failing", "failing-later")),
    ]
    assert errors == alone_errors


@pytest.mark.parametrize("more", [(), ("first",)], ids=["header", "first message"])
@pytest.mark.parametrize("way", WAYS)
def test_sentry_names_each_endpoint_after_its_route(way: str, more: tuple[str, ...]) -> None:
    """Transactions and failures: not by a class, which several routes may have."""
    plain, _ = traced("sentry", "plain")
    guarded, errors = traced("sentry", way, *more)
    named = [one for one in guarded if one[0] == "transaction"]
    assert [one[1] for one in named] == ROUTES[: len(named)]
    assert {one[3] for one in guarded} == {"route"}
    assert [one[1:3] for one in guarded if one[0] == "error"] == [
        ["/failing", "a failure of the handler"],
        ["/failing-later", "a later failure of the handler"],
    ]
    assert [(one[0], one[2]) for one in guarded] == [
        (one[0], one[2]) for one in plain[: len(guarded)]
    ]
    assert errors == []


def test_sentry_without_its_integration_keeps_nothing() -> None:
    """No request opens a scope then, and none adds to the scope of the process."""
    kept, errors = traced("sentry-without", "fast")
    assert (kept, errors) == (0, [])
