"""An open socket after the logout: what ends only some of the sockets, or may be undone by the client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import Application, HTTPError, RequestHandler

from audit_tests.prober.adversary.logout import (
    Answers,
    EndsNewest,
    EndsOldest,
    LogOut,
    Reenters,
    Session,
    sessions,
)
from audit_tests.prober.adversary.server import DATA, SAY, Hole
from audit_tests.prober.servers import listening, probed
from stormdoor_audit.cli.main import run as command
from stormdoor_audit.report.finding import Outcome, Report

pytestmark = pytest.mark.sampled(5)


class EndsAll(EndsNewest):
    """Closes every socket of the session."""

    def logged_out(self) -> None:
        self.close(4401, "logged out")


class OnePerSession(EndsAll):
    """Closes every socket of the session, and lets it have one at a time."""

    def open(self, *args: str, **kwargs: str) -> None:
        for one in self.sockets:
            if one.key == self.key:
                one.close(4409, "opened elsewhere")
        super().open()


class AsksAgain(Reenters):
    """Looks at the session each time that the namespace is entered."""

    checks = True


class Home(RequestHandler):
    """A page with the form of the logout, and its token against forgery."""

    def get(self) -> None:
        self.write(
            '<form action=/logout method=post><input type=hidden name=_token value="f-7c1e"></form>'
        )


class AsksForToken(LogOut):
    """Refuses a form without the token."""

    def post(self) -> None:
        if self.get_body_argument("_token", "") != "f-7c1e":
            raise HTTPError(419)
        super().post()


class AnswersDelete(LogOut):
    """Ends the session at a DELETE with a header of the page, as an API does."""

    def post(self) -> None:
        raise HTTPError(405)

    def delete(self) -> None:
        if self.request.headers.get("X-Page") != "yes-4f1a":
            raise HTTPError(400)
        super().post()


@pytest.mark.parametrize(("kind", "outcome"), [(Answers, "open"), (EndsAll, "closed")])
@pytest.mark.parametrize("by_file", [False, True])
async def test_a_logout_with_a_method_and_headers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: Any, outcome: str, by_file: bool
) -> None:
    """`--logout 'DELETE URL'` and `--logout-header`, on the command line and in the file."""
    login, logout, socket = sessions(kind)()
    async with listening(
        Application([login, (logout[0], AnswersDelete, logout[2]), socket])
    ) as port:
        url = f"ws://127.0.0.1:{port}/ws"
        say = '{"type": "list"}'
        given = ["--logout", "DELETE /logout", "--logout-header", "X-Page: yes-4f1a", "--say", say]
        if by_file:
            file = tmp_path / "probe.toml"
            lines = ('logout = "delete /logout"', 'logout_header = ["X-Page: yes-4f1a"]')
            file.write_text("\n".join(("[probe]", *lines)))
            given = ["--config", str(file), "--say", say]
        way = ["--login", f"http://127.0.0.1:{port}/login", "--field", "user=ada"]
        quick = ["--listen", "0.12", "--per-second", "500", "--format", "json", "--quiet"]
        await asyncio.to_thread(command, ["probe", url, *way, *given, *quick])
    text = capsys.readouterr().out
    about = [one for one in json.loads(text)["tried"] if one["rule_id"] == "SP901"]
    assert outcome in {one["outcome"] for one in about} <= {outcome, "closed"}, about
    assert "yes-4f1a" not in text


async def test_a_logout_that_is_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the form of the option."""
    given = ["--logout", "D3L /logout", "--login", "http://127.0.0.1:9/login"]
    assert await asyncio.to_thread(command, ["probe", "ws://127.0.0.1:9/ws", *given]) == 2
    assert "METHOD URL" in capsys.readouterr().err


def _results(report: Report) -> dict[str, set[Outcome]]:
    """The results of SP901: about the open sockets, and about a new one."""
    found: dict[str, set[Outcome]] = {"open": set(), "new": set()}
    for one in report.tried:
        if one.rule_id == "SP901":
            found["new" if "new socket" in one.what else "open"].add(one.outcome)
    return found


def _sockets(report: Report) -> set[Outcome]:
    return _results(report)["open"]


def _new_socket(report: Report) -> Outcome:
    [one] = _results(report)["new"]
    return one


@pytest.mark.parametrize(("kind", "outcome"), [(Answers, "open"), (EndsAll, "closed")])
async def test_a_logout_with_a_token_against_forgery(kind: type[Session], outcome: str) -> None:
    """The token is in the page that has the form of the logout."""

    def make() -> list[Any]:
        login, logout, socket = sessions(kind)()
        return [login, (logout[0], AsksForToken, logout[2]), socket, ("/", Home)]

    hole = Hole("", make, {"say": SAY}, logs_in=True)
    async with listening(Application(hole.make())) as port:
        report = await probed(port, **hole.given(port))
    assert outcome in _sockets(report)


@pytest.mark.parametrize(
    ("kind", "path", "outcome"),
    [
        (EndsNewest, "/ws", "open"),
        (EndsOldest, "/ws", "open"),
        (EndsAll, "/ws", "closed"),
        (OnePerSession, "/ws", "closed"),
        (Reenters, "/socket.io/", "open"),
        (AsksAgain, "/socket.io/", "closed"),
    ],
)
async def test_after_the_logout(kind: type[Session], path: str, outcome: str) -> None:
    """Two sockets of the session are open, and a conversation that the server has ended is opened again."""
    say = {"say": SAY} if path == "/ws" else {}
    hole = Hole("", sessions(kind, path), say, logs_in=True)
    async with listening(Application(hole.make())) as port:
        report = await probed(port, path, **hole.given(port))
    assert _sockets(report) == {outcome}
    assert _new_socket(report) == "closed"


class OldCookie(Session):
    """Accepts each session that it has ever known; a message goes to sessions that are logged in."""

    ever: ClassVar[set[str]] = set()
    speaks = True

    def prepare(self) -> None:
        self.key = self.get_cookie("session") or ""
        self.ever.update(self.known)
        if self.key not in self.ever:
            raise HTTPError(403)

    def on_message(self, message: str | bytes) -> None:
        if self.speaks and self.key in self.known:
            self.tell()


class OldCookieOfNone(OldCookie):
    """The same, and the owner gets no message either."""

    speaks = False


class AnyCookie(OldCookie):
    """Looks only if there is a cookie at all."""

    def prepare(self) -> None:
        self.key = self.get_cookie("session") or ""
        if not self.key:
            raise HTTPError(403)


class NewCookieOnly(OldCookie):
    """The right twin: a session that has ended opens no socket."""

    def prepare(self) -> None:
        Session.prepare(self)


class Refuses(OldCookie):
    """Answers the handshake, and refuses each message of a session that has ended."""

    def on_message(self, message: str | bytes) -> None:
        self.tell(DATA if self.key in self.known else '{"type": "error", "error": "not logged in"}')


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (OldCookie, "open"),
        (OldCookieOfNone, "open"),
        (AnyCookie, "not-determined"),
        (NewCookieOnly, "closed"),
        (Refuses, "closed"),
    ],
)
async def test_a_new_socket_of_the_session_that_has_ended(
    kind: type[Session], outcome: str
) -> None:
    """A 101 that stays open counts, if clients without a credential and with garbage get none."""
    hole = Hole("", sessions(kind), {"say": SAY}, logs_in=True)
    async with listening(Application(hole.make())) as port:
        report = await probed(port, **hole.given(port))
    assert _new_socket(report) == outcome


class KeepsCookie(Session):
    """Opens new sockets with the session that has ended, and tells nothing of the open one."""

    def logged_out(self) -> None:
        self.known.add(self.key)

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        self.tell()


async def test_each_comparison_has_its_own_line() -> None:
    """The doubt about the open socket stands beside the finding about the cookie, in each list."""
    hole = Hole("", sessions(KeepsCookie), logs_in=True)
    async with listening(Application(hole.make())) as port:
        report = await probed(port, **hole.given(port))
    assert _sockets(report) == {"not-determined"}
    assert _new_socket(report) == "open"
    assert any("SP901" in one.what for one in report.coverage.unresolved)
