"""The four results: *open* and *closed* are proven, doubt is *not determined*; the exit statuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, probed, serving, slugs, states
from stormdoor_audit.cli.main import run as command
from stormdoor_audit.prober.engine import CannotProbe
from stormdoor_audit.prober.login import Login
from stormdoor_audit.prober.probe import Closed, NotDetermined, NotTried, Open, ProbeError
from stormdoor_audit.report.finding import Outcome, Report

pytestmark = pytest.mark.sampled(5)

PRICES = {"type": "prices", "items": [{"name": "oil", "price": 71}]}


def outcomes(report: Report, rule: str) -> set[Outcome]:
    """The results of one probe."""
    return {one.outcome for one in report.tried if one.rule_id == rule}


@pytest.mark.parametrize("kind", [Open, Closed])
def test_no_claim_without_its_proof(kind: Callable[..., object]) -> None:
    """Neither *open* nor *closed* can be made without the exchange that proves it."""
    with pytest.raises(ProbeError, match="exchange"):
        kind("It is so.", ())
    assert kind("It is so.", ("< 401",))


def test_what_lacks_and_what_would_settle() -> None:
    """*Not tried* says what it needs, *not determined* which option decides."""
    assert NotTried("`--logout URL`").what == "Not tried: needs `--logout URL`."
    assert NotDetermined("Whether.", "`--say MESSAGE`").settle == "`--say MESSAGE`"


class HangsUp(WebSocketHandler):
    """Runs a line for each client that has said its window's size, and hangs up on the others."""

    def on_message(self, message: str | bytes) -> None:
        if not isinstance(json.loads(message), dict):
            self.stream_closed()
            return
        self.write_message(json.dumps({"stdout": ["root"]}))

    def stream_closed(self) -> None:
        """End the connection without a close frame."""
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        assert stream is not None
        stream.close()


class Elsewhere(WebSocketHandler):
    """Handler that answers every handshake with one status, as for an incomplete request."""

    status: ClassVar[int] = 400

    def prepare(self) -> None:
        raise HTTPError(self.status)


class Unsupported(Elsewhere):
    status = 500


class Forbids(Elsewhere):
    status = 403


class Asks(Elsewhere):
    status = 401


class NotLoggedIn(WebSocketHandler):
    """Refuses with a status that has many reasons, and a text that has one."""

    def prepare(self) -> None:
        self.set_status(403)
        self.finish("You are not logged in.")


class Complains(WebSocketHandler):
    """Answers what it does not understand with an error that speaks of no credential."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(json.dumps({"type": "error", "error": "unknown command"}))


class Denies(WebSocketHandler):
    """Asks for a login."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.close(4401, "not logged in")


@pytest.mark.parametrize(
    ("handler", "say", "outcome"),
    [
        (HangsUp, ("1",), "not-determined"),
        (HangsUp, ('{"cols": 80}',), "open"),
        (Unsupported, (), "not-determined"),
        (Forbids, (), "not-determined"),
        (NotLoggedIn, (), "closed"),
        (Asks, (), "closed"),
        (Complains, ('{"type": "list"}',), "not-determined"),
        (Denies, (), "closed"),
    ],
)
async def test_without_an_owner(handler: Any, say: tuple[str, ...], outcome: str) -> None:
    """A hang-up, silence or another error is no refusal where the owner's session is not there."""
    async with serving(handler) as port:
        report = await probed(port, say=say)
    assert outcomes(report, "SP101") == {outcome}
    [one] = [one for one in report.tried if one.rule_id == "SP101"]
    if outcome == "not-determined":
        assert "--cookie" in one.settle
    else:
        assert one.transcript


class Late(Feed):
    """Accepts every client, and answers its messages, with another greeting for members."""

    def prepare(self) -> None:
        """Refuse no client."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.allowed():
            super().open()


async def test_nothing_comes_before_a_refusal_that_is_none() -> None:
    """SP105 is about servers that refuse; one that refuses no client is another probe's matter."""
    async with serving(Late) as port:
        report = await probed(port, owner=ALICE, say=('{"type": "list"}',))
    assert outcomes(report, "SP105") == {"not-tried"}


class Doubtful(Feed):
    """Feed that delivers a part to a client with its cookie in the address."""

    def prepare(self) -> None:
        self.half = self.get_argument("session", "") in SESSIONS
        if not self.allowed() and not self.half:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message(PRICES)
        if self.allowed():
            self.write_message({"type": "orders", "items": [{"number": 7}]})


async def test_doubt_is_no_tick_for_the_address() -> None:
    """SP304 says *not determined* where the cookie in the address delivers a part of what the owner gets."""
    async with serving(Doubtful) as port:
        report = await probed(port, owner=ALICE)
    assert outcomes(report, "SP304") == {"not-determined"}
    assert "credential-in-url" not in slugs(report)


class Store:
    """Sessions that a login makes, and what the logout does to their sockets."""

    def __init__(self, after: str) -> None:
        self.after = after
        self.sessions: set[str] = set()
        self.sockets: list[Any] = []


class In(RequestHandler):
    """The login."""

    def initialize(self, store: Store) -> None:
        self.store = store

    def post(self) -> None:
        key = f"session-{len(self.store.sessions)}-of-ada"
        self.store.sessions.add(key)
        self.set_cookie("session", key, httponly=True)


class Out(In):
    """The logout."""

    def post(self) -> None:
        self.store.sessions.discard(self.get_cookie("session") or "")
        for one in self.store.sockets:
            one.ended(self.store.after)


class Meters(WebSocketHandler):
    """Answers with two messages; after the logout with both, one, another, none, or it ends."""

    def initialize(self, store: Store) -> None:
        self.store = store
        self.how = "both"

    def prepare(self) -> None:
        if self.get_cookie("session") not in self.store.sessions:
            raise HTTPError(401)
        self.store.sockets.append(self)

    def ended(self, how: str) -> None:
        """The session of this socket has ended."""
        self.how = how
        if how == "end":
            self.close(4401)

    def on_message(self, message: str | bytes) -> None:
        if self.how in {"both", "one"}:
            self.write_message({"kind": "meter", "kwh": 12.5})
        if self.how == "both":
            self.write_message({"kind": "bill", "due": "2026-12-01"})
        if self.how == "another":
            self.write_message({"kind": "sample", "reading": 3})


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        ("both", "open"),
        ("one", "open"),
        ("another", "not-determined"),
        ("none", "closed"),
        ("end", "closed"),
    ],
)
async def test_logout(after: str, outcome: str) -> None:
    """A part of what the owner gets, after the logout, is enough; another answer says nothing."""
    store = {"store": Store(after)}
    async with _meters(store) as port:
        base = f"http://127.0.0.1:{port}"
        report = await probed(
            port, login=Login(f"{base}/in", (("user", "ada"),)), logout="/out", say=("read",)
        )
    assert outcome in outcomes(report, "SP901") <= {outcome, "closed"}


def _meters(store: dict[str, Store]) -> Any:
    class Here(Meters):
        def initialize(self) -> None:  # type: ignore[override]
            super().initialize(store["store"])

    return serving(Here, ("/in", In, store), ("/out", Out, store))


class Ticks(Feed):
    """Open feed that sends its own kind of messages, and does not answer a login."""

    def allowed(self) -> bool:
        return True


async def _status(handler: Any, *arguments: str, file: Path | None = None) -> int:
    async with serving(handler) as port:
        url = f"ws://127.0.0.1:{port}/ws"
        more = ["-o", str(file)] if file is not None else []
        return await asyncio.to_thread(
            command, ["probe", url, "--listen", "0.1", "--per-second", "500", *more, *arguments]
        )


async def test_exit_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """1 for *open*; 3 for *not determined*, unless that is allowed; *not tried* never fails."""
    assert await _status(Ticks) == 1
    assert await _status(Ticks, "--fail-on", "never") in {0, 3}
    page = tmp_path / "report.html"
    assert await _status(Unsupported, file=page) == 3
    assert "not determined" in capsys.readouterr().out
    assert "nothing remained in doubt" not in page.read_text("utf-8")
    assert await _status(Unsupported, "--allow-not-determined") == 0
    assert await _status(Asks) == 0
    assert " not tried." in capsys.readouterr().out


async def test_verdicts_do_not_rest_on_what_was_not_tried() -> None:
    """A question to which no probe gave an answer is unknown."""
    async with serving(Asks) as port:
        assert states(await probed(port)) == {
            "authentication": "guarded",
            "origin": "unknown",
            "authorization": "unknown",
            "validation": "unknown",
            "limits": "unknown",
        }


async def test_one_endpoint_of_two_cannot_be_probed() -> None:
    """The owner may not use one of the endpoints: the results of the other are not lost."""
    async with serving(Feed, ("/staff", Forbids)) as port:
        own, staff = (f"ws://127.0.0.1:{port}{path}" for path in ("/ws", "/staff"))
        report = await probed(port, owner=ALICE, urls=(own, staff))
        with pytest.raises(CannotProbe, match="does not get in"):
            await probed(port, owner=ALICE, urls=(staff,))
    told = {one.subject: one.outcome for one in report.tried if one.rule_id == "SP101"}
    assert told == {own: "closed", staff: "not-determined"}
    assert [one.subject for one in report.endpoints] == [own, staff]
