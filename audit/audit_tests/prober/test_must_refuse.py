"""`--must-refuse`: the operator declares that a client without a credential may hold no socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving
from audit_tests.prober.test_four_results import outcomes
from stormdoor_audit.cli.main import run as command
from stormdoor_audit.prober.probe import Declared

pytestmark = pytest.mark.sampled(4)

MUST = Declared(must_refuse=True)


class Silent(Feed):
    """Accepts every client, and sends data to members only."""

    def prepare(self) -> None:
        """Accept every handshake."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.allowed():
            super().open()
        else:
            self.unknown()

    def unknown(self) -> None:
        """Leave the socket of a client without a credential open."""

    def on_message(self, message: str | bytes) -> None:
        if self.get_cookie("session") in SESSIONS:
            super().on_message(message)


class Greets(Silent):
    """Asks for a login, and waits without end."""

    def unknown(self) -> None:
        self.write_message({"type": "auth_required"})


class Closes(Silent):
    """Closes with a code, at once or later, with or without a text before."""

    code: ClassVar[int] = 1008
    seconds: ClassVar[float] = 0.0
    before: ClassVar[dict[str, Any] | None] = None

    def unknown(self) -> None:
        if self.before is not None:
            self.write_message(self.before)
        asyncio.get_running_loop().call_later(self.seconds, self.close, self.code)


class SilentWithoutOrigin(Closes):
    """Refuses pages, and leaves the sockets of clients without an Origin open."""

    def unknown(self) -> None:
        if "Origin" in self.request.headers:
            self.close(1008)


class Forbids(Feed):
    """Refuses the handshake."""

    def prepare(self) -> None:
        if not self.allowed():
            raise HTTPError(401)


def _closes(code: int, seconds: float = 0.0, before: dict[str, Any] | None = None) -> Any:
    return type("Closing", (Closes,), {"code": code, "seconds": seconds, "before": before})


def _forbid(_: Feed) -> None:
    raise HTTPError(403)


def _open_to_all() -> Any:
    return type("Open", (Feed,), {"allowed": lambda _: True})


_DATA = {"type": "prices", "items": [{"name": "oil", "price": 71}]}


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (Silent, "open"),
        (Greets, "open"),
        (SilentWithoutOrigin, "open"),
        (_closes(1008, before=_DATA), "open"),
        (_closes(4401, before={"type": "error", "error": "log in first"}), "closed"),
        (_closes(1008), "closed"),
        (_closes(3000), "closed"),
        (_closes(4403, seconds=0.4), "closed"),
        (Forbids, "closed"),
        (_closes(1000), "not-determined"),
    ],
)
async def test_with_a_url_alone(handler: Any, outcome: str) -> None:
    """A socket that stays is a finding; a close that refuses, before any data, is none."""
    async with serving(handler) as port:
        report = await probed(port, declared=MUST)
    assert outcomes(report, "SP101") == {outcome}


@pytest.mark.parametrize("handler", [Silent, Greets])
async def test_with_an_owner(handler: Any) -> None:
    """The owner's data are refused to the client, which holds a socket all the same."""
    async with serving(handler) as port:
        report = await probed(port, owner=ALICE, say=("x",), declared=MUST)
        assert outcomes(report, "SP101") == {"open"}
        # The other probes still compare with the owner.
        assert outcomes(report, "SP102") == {"closed"}
        report = await probed(port, owner=ALICE, say=("x",))
    [one] = [one for one in report.tried if one.rule_id == "SP101"]
    assert one.outcome == "closed"
    assert "--must-refuse" in one.what


async def test_without_the_option_it_is_named() -> None:
    """The report says in one line which option makes a held socket a finding."""
    async with serving(Silent) as port:
        report = await probed(port)
    [one] = [one for one in report.tried if one.rule_id == "SP101"]
    assert one.outcome == "not-determined"
    assert "--must-refuse" in one.settle


async def test_a_silent_path_may_be_the_wrong_one() -> None:
    """Nothing came at all; a server that has greeted is there."""
    for handler, said in ((Silent, True), (Greets, False)):
        async with serving(handler) as port:
            report = await probed(port)
        [one] = [one for one in report.tried if one.rule_id == "SP101"]
        assert ("The path may be wrong." in one.what) is said


async def test_a_403_is_told_of_this_client_and_this_origin() -> None:
    """The result stays not determined."""
    handler = type("Never", (Feed,), {"prepare": _forbid})
    async with serving(handler) as port:
        report = await probed(port)
    [one] = [one for one in report.tried if one.rule_id == "SP101"]
    assert one.outcome == "not-determined"
    assert "refused to this client with this Origin" in one.what


async def test_hints_name_what_was_not_given() -> None:
    """The owner's credential is there, and the login for the logout is not."""
    async with serving(_open_to_all()) as port:
        report = await probed(port, owner=ALICE, logout="/logout")
    skipped = [one.what for one in report.tried if one.outcome == "not-tried"]
    assert skipped
    assert not any("--cookie" in one for one in skipped), skipped
    [one] = [one.what for one in report.tried if one.rule_id == "SP901"]
    assert "--logout" not in one
    assert "--login" in one


@pytest.mark.parametrize("by_file", [False, True])
async def test_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, by_file: bool
) -> None:
    """The option ends with 1, on the command line and in the file."""
    async with serving(Silent) as port:
        url = f"ws://127.0.0.1:{port}/ws"
        given = [url, "--must-refuse"]
        if by_file:
            file = tmp_path / "probe.toml"
            file.write_text(f'[probe]\nendpoints = ["{url}"]\nmust_refuse = true\n')
            given = ["--config", str(file)]
        quick = ["--listen", "0.1", "--per-second", "500", "--format", "json", "--quiet"]
        code = await asyncio.to_thread(command, ["probe", *given, *quick])
    assert code == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert any("--must-refuse" in one["message"] for one in found)


class OneAnswer(Feed):
    """Answers the owner once and closes; refuses other clients with a bare close."""

    async def open(self, *args: str, **kwargs: str) -> None:  # type: ignore[override]
        if self.allowed():
            super().open()
        self.close(1000)

    def prepare(self) -> None:
        """Accept every handshake."""


class OneAnswerForAll(OneAnswer):
    """The twin with a hole: while the owner is connected, every client is answered."""

    here: ClassVar[list[int]] = []

    async def open(self, *args: str, **kwargs: str) -> None:  # type: ignore[override]
        if self.allowed():
            self.here.append(1)
        await asyncio.sleep(0.01)
        if self.here:
            Feed.open(self)
        await asyncio.sleep(0.02)
        if self.allowed():
            self.here.pop()
        self.close(1000)


@pytest.mark.parametrize(("kind", "outcome"), [(OneAnswer, "closed"), (OneAnswerForAll, "open")])
async def test_a_server_that_answers_once(kind: type[Feed], outcome: str) -> None:
    """The owner and the other client connect in the same moment, as no socket stays open."""
    async with serving(type("Once", (kind,), {"here": []})) as port:
        report = await probed(port, owner=ALICE)
    assert outcomes(report, "SP101") == {outcome}
