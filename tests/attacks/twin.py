"""The unguarded site: a careless chat with a login in plain Tornado.

It has the demo's routes and messages, so that the same attack runs against both. A test of another
vulnerability derives from these handlers and adds the vulnerability.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from tests.demo.visitor import Visitor
from tests.tornado.wire import Served, serving

__all__ = ["PASSWORDS", "ROLES", "Chat", "LogIn", "LogOut", "Site", "log_in", "site", "visitor"]

PASSWORDS = {name: f"the password of {name}" for name in ("alice", "bob", "mia", "ada", "eve")}
ROLES = {"alice": "member", "bob": "member", "mia": "moderator", "ada": "administrator", "eve": ""}


class Site:
    """State of the site."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.roles = dict(ROLES)
        self.passwords = dict(PASSWORDS)
        self.sockets: list[Chat] = []
        self.told: list[Any] = []


class LogIn(RequestHandler):
    """`POST /auth/login`. Its answer tells whether the name or the password was wrong."""

    @property
    def site(self) -> Site:
        """The site."""
        found: Site = self.settings["site"]
        return found

    def new_session(self) -> str:
        """Return the secret of the next session."""
        return secrets.token_urlsafe(32)

    def post(self) -> None:
        body = json.loads(self.request.body)
        name = body["username"]
        if name not in self.site.passwords:
            self.set_status(404)
            self.finish({"error": "no such user"})
        elif body["password"] != self.site.passwords[name]:
            self.set_status(401)
            self.finish({"error": "wrong password"})
        else:
            session = self.new_session()
            self.site.sessions[session] = name
            self.set_cookie("sid", session)
            self.finish({"principal": name})


class LogOut(RequestHandler):
    """`POST /auth/logout` removes the session from memory, and closes no socket."""

    def post(self) -> None:
        self.settings["site"].sessions.pop(self.get_cookie("sid"), None)
        self.set_status(204)


class Chat(WebSocketHandler):
    """`/ws/chat`: a client with a session sends a message, and all clients receive it."""

    name: str | None = None

    @property
    def site(self) -> Site:
        """The site."""
        found: Site = self.settings["site"]
        return found

    def check_origin(self, origin: str) -> bool:
        """Accept every origin, as common answers to "403 on my WebSocket" advise."""
        return True

    def who(self) -> str | None:
        """Return the username of the session in the cookie."""
        return self.site.sessions.get(self.get_cookie("sid") or "")

    def open(self, *args: str, **kwargs: str) -> Any:
        self.name = self.who()
        if self.name is None:
            self.close()
        else:
            self.site.sockets.append(self)

    def on_message(self, message: str | bytes) -> Any:
        body = json.loads(message)
        getattr(self, f"do_{body['type']}")(body)

    def answer(self, kind: str, body: dict[str, Any], **more: Any) -> None:
        """Answer the sender with the id of its message, and send the reply to all other clients."""
        reply = {"type": kind, **more}
        for socket in self.site.sockets:
            if socket is not self:
                socket.write_message(reply)
        self.write_message({**reply, "id": body["id"]} if "id" in body else reply)

    def do_join(self, body: dict[str, Any]) -> None:
        """Answer a join; every client is in every room."""
        self.answer("joined", body, room=body["room"], principal=self.name)

    def do_say(self, body: dict[str, Any]) -> None:
        self.answer("said", body, room=body["room"], text=body["text"], **{"from": self.name})

    def on_close(self) -> None:
        if self in self.site.sockets:
            self.site.sockets.remove(self)


@asynccontextmanager
async def site(
    chat: type[WebSocketHandler] = Chat,
    *more: tuple[str, type[RequestHandler]],
    log_in: type[LogIn] = LogIn,
    **settings: Any,
) -> AsyncIterator[tuple[Served, Site]]:
    """Serve a site with a chat. Yields its address and its state."""
    state = Site()
    routes = [("/auth/login", log_in), ("/auth/logout", LogOut), ("/ws/chat", chat), *more]
    async with serving(routes, site=state, **settings) as at:
        yield at, state


def visitor(at: Served) -> Visitor:
    """Return a client of the site."""
    return Visitor(at.port)


async def log_in(at: Served, name: str) -> Visitor:
    """Return a client that is logged in to the site."""
    person = Visitor(at.port)
    await person.log_in(name, PASSWORDS[name])
    return person
