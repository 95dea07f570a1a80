"""Servers on which an open socket survives the logout."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, ClassVar

from tornado.web import HTTPError, RequestHandler

from audit_tests.prober.adversary.server import DATA, SAY, Hole, Socket, later

__all__ = [
    "HOLES",
    "Answers",
    "EndsNewest",
    "EndsOldest",
    "LogOut",
    "Reenters",
    "Session",
    "sessions",
]


def sessions(kind: type[Session], path: str = "/ws") -> Callable[[], list[Any]]:
    """The routes of a server with sessions of its own."""

    def make() -> list[Any]:
        known: set[str] = set()
        sockets: list[Session] = []
        shared = {"known": known, "sockets": sockets}
        return [("/login", LogIn, shared), ("/logout", LogOut, shared), (path, kind, shared)]

    return make


class LogIn(RequestHandler):
    """Gives every client a session."""

    def initialize(self, known: set[str], sockets: list[Session]) -> None:
        self.known = known

    def get(self) -> None:
        self.write("<form method=post></form>")

    def post(self) -> None:
        key = secrets.token_hex(12)
        self.known.add(key)
        self.set_cookie("session", key)


class LogOut(RequestHandler):
    """Ends the session, and tells its sockets."""

    def initialize(self, known: set[str], sockets: list[Session]) -> None:
        self.known, self.sockets = known, sockets

    def post(self) -> None:
        key = self.get_cookie("session") or ""
        self.known.discard(key)
        for one in self.sockets:
            if one.key == key:
                one.logged_out()


class Session(Socket):
    """A socket of a session."""

    def initialize(self, known: set[str], sockets: list[Session]) -> None:
        self.known, self.sockets = known, sockets

    def prepare(self) -> None:
        self.key = self.get_cookie("session") or ""
        if self.key not in self.known:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.sockets.append(self)

    def on_close(self) -> None:
        if self in self.sockets:
            self.sockets.remove(self)

    def logged_out(self) -> None:
        """Do nothing with the open socket."""


class Answers(Session):
    """Goes on answering."""

    def on_message(self, message: str | bytes) -> None:
        self.tell()


class StopsFeed(Session):
    """Ends its feed, and goes on doing what it is told."""

    done: ClassVar[list[str | bytes]] = []
    ended = False

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        self.beat()

    def beat(self) -> None:
        """Send the data five times a second."""
        if not self.ended and self.ws_connection is not None:
            self.tell()
            later(0.2, self.beat)

    def logged_out(self) -> None:
        self.ended = True

    def on_message(self, message: str | bytes) -> None:
        self.done.append(message)


class HearsOthers(Session):
    """Answers nothing after the logout, and goes on sending what other sessions say."""

    def on_message(self, message: str | bytes) -> None:
        if self.key in self.known:
            for one in self.sockets:
                one.tell(json.dumps({"type": "chat", "text": f"{message!s}"}))


class LaterFeed(Session):
    """Goes on with a feed that speaks less often than it did before."""

    pause = 0.1

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        self.beat()

    def beat(self) -> None:
        """Send the data, and again after the pause."""
        if self.ws_connection is not None:
            self.tell()
            later(self.pause, self.beat)

    def logged_out(self) -> None:
        self.pause = 1.0


class KeepsCookie(Session):
    """Closes the open socket, and lets the old session in again."""

    def logged_out(self) -> None:
        self.known.add(self.key)
        self.close(4401, "logged out")

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        self.tell()


class EndsNewest(Answers):
    """Closes the last socket of the session, and forgets the others: a user may have two tabs."""

    ends = -1

    def logged_out(self) -> None:
        if self is [one for one in self.sockets if one.key == self.key][self.ends]:
            self.close(4401, "logged out")


class EndsOldest(EndsNewest):
    """Closes the first socket of the session only."""

    ends = 0


class RefusesAndFeeds(LaterFeed):
    """Refuses what it is asked after the logout, and goes on with its feed."""

    def on_message(self, message: str | bytes) -> None:
        self.tell('{"type": "error", "error": "log in"}' if self.pause > 0.5 else DATA)


class Reenters(LaterFeed):
    """Ends the namespace of Socket.IO at the logout, and lets it be entered again on the same connection."""

    entered = checks = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.sockets.append(self)
        self.tell('0{"sid":"x8Kq2"}')

    def beat(self) -> None:
        """Send an event while the client is in the namespace."""
        if self.entered and self.ws_connection is not None:
            self.tell(f'42["event",{DATA}]')
            later(0.05, self.beat)

    def on_message(self, message: str | bytes) -> None:
        if self.entered:
            self.close()
        elif self.checks and self.key not in self.known:
            self.tell('44{"message":"unauthorized"}')
        else:
            self.entered = True
            self.tell('40{"sid":"u7Zp1"}')
            self.beat()

    def logged_out(self) -> None:
        self.entered = False
        self.tell("41")


HOLES = (
    Hole("logout: answers", sessions(Answers), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole("logout: answers, nothing to say", sessions(Answers), logs_in=True, rule="SP901"),
    Hole("logout: stops its feed", sessions(StopsFeed), logs_in=True, rule="SP901"),
    Hole(
        "logout: hears others", sessions(HearsOthers), {"say": ("{unique}",)}, logs_in=True, rule="SP901"
    ),
    Hole("logout: hears others, fixed", sessions(HearsOthers), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole("logout: a slower feed", sessions(LaterFeed), logs_in=True, rule="SP901"),
    Hole("logout: keeps the cookie", sessions(KeepsCookie), logs_in=True, rule="SP901"),
    Hole("logout: ends the newest", sessions(EndsNewest), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole("logout: ends the oldest", sessions(EndsOldest), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole(
        "logout: refuses and feeds", sessions(RefusesAndFeeds), {"say": SAY}, logs_in=True, rule="SP901"
    ),
    Hole(
        "logout: may enter again", sessions(Reenters, "/socket.io/"), path="/socket.io/", logs_in=True,
        rule="SP901",
    ),
)  # fmt: skip
