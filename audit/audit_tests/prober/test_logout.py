"""An open socket after the logout: what ends only some of the sockets, or may be undone by the client."""

from __future__ import annotations

from typing import Any

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
from audit_tests.prober.adversary.server import SAY, Hole
from audit_tests.prober.servers import listening, probed

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


@pytest.mark.parametrize(("kind", "outcome"), [(Answers, "open"), (EndsAll, "closed")])
async def test_a_logout_with_a_token_against_forgery(kind: type[Session], outcome: str) -> None:
    """The token is in the page that has the form of the logout."""

    def make() -> list[Any]:
        login, logout, socket = sessions(kind)()
        return [login, (logout[0], AsksForToken, logout[2]), socket, ("/", Home)]

    hole = Hole("", make, {"say": SAY}, logs_in=True)
    async with listening(Application(hole.make())) as port:
        report = await probed(port, **hole.given(port))
    about = [one for one in report.tried if one.rule_id == "SP901"]
    assert {one.outcome for one in about} == {outcome}, about


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
    about = [one for one in report.tried if one.rule_id == "SP901"]
    assert {one.outcome for one in about} == {outcome}, about
