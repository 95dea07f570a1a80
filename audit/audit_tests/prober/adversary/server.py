"""A server with a hole, and the parts that all of them share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login

__all__ = ["DATA", "KEY", "ORIGIN", "OWNER", "SAY", "Hole", "Socket", "fresh", "later", "only"]

KEY = "s-81f02c6e9d47"
OWNER = Identity("the owner", cookies=(("session", KEY),))
DATA = json.dumps({"type": "prices", "items": [{"name": "oil", "price": 71}]})
ORIGIN = "http://127.0.0.1"
SAY = ('{"type": "list"}',)


@dataclass(frozen=True, slots=True)
class Hole:
    """A server with a hole.

    Args:
        name: Of the test.
        make: Returns the routes of a fresh server.
        plan: What the operator gives to the prober.
        path: Of the endpoint.
        logs_in: Also give the form at `/login` and the logout at `/logout`.
        rule: The probe that must not call it closed.
    """

    name: str
    make: Callable[[], list[Any]]
    plan: dict[str, Any] = field(default_factory=dict)
    path: str = "/ws"
    logs_in: bool = False
    rule: str = "SP101"

    def given(self, port: int) -> dict[str, Any]:
        """The plan for a server at this port."""
        if not self.logs_in:
            return self.plan
        login = Login(f"http://127.0.0.1:{port}/login", (("username", "ada"), ("password", "x")))
        return {**self.plan, "login": login, "logout": "/logout"}


class Socket(WebSocketHandler):
    """A socket that knows its owner by a cookie, and accepts pages of its own host."""

    @property
    def owned(self) -> bool:
        """True if the client has the owner's cookie."""
        return self.get_cookie("session") == KEY

    def on_message(self, message: str | bytes) -> None:
        """Answer nothing, unless a subclass does."""

    def tell(self, text: str = DATA) -> None:
        """Send a message while the socket is open."""
        if self.ws_connection is not None:
            self.write_message(text)

    def hang_up(self) -> None:
        """End the connection without a close frame."""
        stream = getattr(self.ws_connection, "stream", None)
        if stream is not None:
            stream.close()


def later(seconds: float, call: Callable[[], object]) -> None:
    """Call it after so many seconds."""
    asyncio.get_running_loop().call_later(seconds, call)


def only(handler: type[RequestHandler], path: str = "/ws") -> Callable[[], list[Any]]:
    """The routes of a server with this one handler."""
    return lambda: [(path, handler)]


def fresh(handler: type[RequestHandler]) -> Callable[[], list[Any]]:
    """The same with counters of its own, so that no test sees those of another."""

    def make() -> list[Any]:
        own: dict[str, Any] = {"count": 0, "here": 0}
        for name in ("sockets", "latest", "others", "done", "used"):
            if name in vars(handler):
                own[name] = type(vars(handler)[name])()
        return [("/ws", cast("type[RequestHandler]", type(handler.__name__, (handler,), own)))]

    return make
