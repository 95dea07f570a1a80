"""Repeated runs agree: a terminal, a first frame in bytes, a server that fails every second attempt."""

from __future__ import annotations

import secrets
from typing import ClassVar

import pytest
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.adversary import HOLES, Hole
from audit_tests.prober.adversary.server import later
from audit_tests.prober.servers import ALICE, SESSIONS, listening, probed, serving
from stormdoor_audit.prober.engine import CannotProbe
from stormdoor_audit.prober.same import Told, Wanted
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(6)

_TIMES = 3
_RULES = ("SP101", "SP102", "SP201")


class Terminal(WebSocketHandler):
    """Sends its history to each client in one frame, and the output of a command after it."""

    history: ClassVar[list[str]] = []
    any_page: ClassVar[bool] = True

    def prepare(self) -> None:
        if self.get_cookie("session") not in SESSIONS:
            raise HTTPError(401)

    def check_origin(self, origin: str) -> bool:
        return self.any_page or super().check_origin(origin)

    def _print(self, text: str) -> None:
        if self.ws_connection is not None:
            self.write_message(text.encode(), binary=True)

    def open(self, *args: str, **kwargs: str) -> None:
        if self.history:
            self._print("".join(self.history))
        self.history.append(f"last login on tty{secrets.token_hex(4)}\r\n")

    def on_message(self, message: str | bytes) -> None:
        self.history.append(f"{message!r}\r\n")
        later(0.05, lambda: self._print("Linux ada-desktop x86_64 GNU/Linux\r\n"))


class OwnTerminal(Terminal):
    """The same for pages of its own host only."""

    history: ClassVar[list[str]] = []
    any_page = False


class Numbered(WebSocketHandler):
    """Sends the number of the connection in bytes, and then the data in bytes."""

    asks: ClassVar[bool] = False

    def prepare(self) -> None:
        if self.asks and self.get_cookie("session") not in SESSIONS:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(b"\x00\x01" + secrets.token_bytes(14), binary=True)

    def on_message(self, message: str | bytes) -> None:
        later(0.05, self._answer)

    def _answer(self) -> None:
        if self.ws_connection is not None:
            self.write_message(b"\x00\x02" + b"\x71\x00\xfe" * 12, binary=True)


class NumberedForOwners(Numbered):
    """The same for the owner only."""

    asks = True


class EverySecond(WebSocketHandler):
    """Answers the messages on every second connection only, as behind a node that has failed."""

    asks: ClassVar[bool] = False
    count: ClassVar[int] = 0

    def prepare(self) -> None:
        if self.asks and self.get_cookie("session") not in SESSIONS:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        type(self).count += 1
        self.answers = self.count % 2

    def on_message(self, message: str | bytes) -> None:
        if self.answers:
            self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})


class EverySecondForOwners(EverySecond):
    """The same for the owner only."""

    asks = True
    count = 0


def _outcomes(report: Report) -> dict[str, list[str]]:
    return {
        rule: sorted(one.outcome for one in report.tried if one.rule_id == rule) for rule in _RULES
    }


@pytest.mark.parametrize(
    ("handler", "rule", "outcome"),
    [
        (Terminal, "SP201", "open"),
        (OwnTerminal, "SP201", "closed"),
        (Numbered, "SP101", "open"),
        (NumberedForOwners, "SP101", "closed"),
        (EverySecond, "SP101", "open"),
        (EverySecondForOwners, "SP101", "closed"),
    ],
)
async def test_each_run_has_the_same_result(
    handler: type[WebSocketHandler], rule: str, outcome: str
) -> None:
    """The vulnerable server is open in each run, and the sound one closed."""
    async with serving(handler) as port:
        runs = [
            _outcomes(await probed(port, owner=ALICE, say=("uname -a",))) for _ in range(_TIMES)
        ]
    assert [run[rule] for run in runs] == [[outcome]] * _TIMES


@pytest.mark.parametrize("hole", HOLES, ids=lambda one: one.name)
async def test_each_run_of_a_hole_has_the_same_results(hole: Hole) -> None:
    """A fresh server gives the results of the one before."""
    runs = []
    for _ in range(_TIMES):
        async with listening(Application(hole.make())) as port:
            try:
                runs.append(_outcomes(await probed(port, hole.path, **hole.given(port))))
            except CannotProbe as error:
                runs.append({str(error).replace(str(port), "PORT"): []})
    assert runs == [runs[0]] * _TIMES


def test_a_client_has_heard_enough_when_the_judge_would_agree() -> None:
    """A message of the right form ends nothing while it says something else."""
    own = (Told([b"\x00\x01abc\x80", b"\xffdata"]), Told([b"\x00\x01xyz\x80", b"\xffdata"]))
    wanted = Wanted(frozenset({"binary"}), frozenset({"binary"}), own)
    told = Told([b"\x00\x01uvw\x80"])
    assert not wanted.heard(told, frozenset())
    told.add(b"\xffdata")
    assert wanted.heard(told, frozenset())


def test_a_stream_is_the_same_however_it_is_cut() -> None:
    """The output of a terminal in two frames is the output in one."""
    whole = Told([b"Linux ada-desktop x86_64 GNU/Linux\r\n"])
    wanted = Wanted(frozenset({"binary"}), frozenset({"binary"}), (whole, whole))
    assert wanted.heard(Told([b"Linux ada-desktop", b" x86_64 GNU/Linux\r\n$ "]), frozenset())
    assert not wanted.heard(Told([b"please type the name of the host"]), frozenset())
