"""The unguarded twin of the demo, VULNERABLE ON PURPOSE: on it, the attacks of the demo succeed.

It is a chat as it is often written with Tornado alone. It listens on loopback only, stores nothing, reads no
file and has no access to passwords, sessions or messages of the demo. Do not copy code from it.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from tornado.web import Application, HTTPError, RequestHandler, url
from tornado.websocket import WebSocketHandler

__all__ = ["Twin"]

_COOKIE = "twin-user"
_MOST_TICKETS = 1000
_MOST_SOCKETS = 100
_MOST_BYTES = 1024 * 1024
_TICKET = "stormdoor.ticket."
_NOTICE = (
    "This server is vulnerable on purpose. It is the unguarded twin of the stormdoor demo, for its attack"
    " page. Any web page can open its sockets in your name; it has nothing to lose.\n"
)


class Twin:
    """State and application of the demo's unguarded twin."""

    def __init__(self) -> None:
        self.tickets: dict[str, str] = {}
        self.sockets: set[WebSocketHandler] = set()
        self.application = Application(
            [
                url("/", _Notice),
                url("/auth/login", _Login, {"twin": self}),
                url("/auth/session", _Session, {"twin": self}),
                url("/auth/ticket", _Ticket, {"twin": self}),
                url("/ws/chat", _Chat, {"twin": self}),
                url("/ws/dashboard", _Dashboard, {"twin": self}),
            ],
            websocket_max_message_size=_MOST_BYTES,
            log_function=lambda _: None,
        )

    def close(self) -> None:
        """Close every socket."""
        for socket in list(self.sockets):
            socket.close(1001)

    def name_of(self, handler: RequestHandler) -> str:
        """Return the principal of a request, from a ticket or the cookie.

        Mistakes: a ticket never expires, a wrong ticket is ignored if there is a cookie, and the cookie is
        not signed.
        """
        offered = handler.request.headers.get("Sec-WebSocket-Protocol", "")
        for protocol in offered.split(","):
            name = self.tickets.get(protocol.strip().removeprefix(_TICKET))
            if name is not None:
                return name
        return handler.get_cookie(_COOKIE) or "guest"


class _Notice(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(_NOTICE)


class _Open(RequestHandler):
    """Base class of its HTTP handlers. Mistake: every site may read the answers, with the user's cookie."""

    def initialize(self, twin: Twin) -> None:
        self.twin = twin

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Access-Control-Allow-Origin", self.request.headers.get("Origin", "*"))
        self.set_header("Access-Control-Allow-Credentials", "true")

    def fields(self) -> dict[str, Any]:
        """Return the object in the body."""
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise HTTPError(400)
        return found


class _Login(_Open):
    def post(self) -> None:
        # Mistake: the page checks the password, the server does not.
        name = self.fields().get("username")
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise HTTPError(400)
        self.set_cookie(_COOKIE, name, samesite="Lax")
        self.finish({"principal": name})


class _Session(_Open):
    def get(self) -> None:
        self.finish({"principal": self.twin.name_of(self)})


class _Ticket(_Open):
    def post(self) -> None:
        tickets, ticket = self.twin.tickets, secrets.token_urlsafe(32)
        tickets[ticket] = self.twin.name_of(self)
        if len(tickets) > _MOST_TICKETS:
            del tickets[next(iter(tickets))]
        self.finish({"ticket": ticket})


class _Socket(WebSocketHandler):
    def initialize(self, twin: Twin) -> None:
        self.twin = twin

    # Mistake: a page of any site may connect.
    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    def open(self) -> None:
        self.name = self.twin.name_of(self)
        if len(self.twin.sockets) >= _MOST_SOCKETS:
            self.close(1013)  # not a mistake: it shares a process with the demo
        self.twin.sockets.add(self)

    def on_close(self) -> None:
        self.twin.sockets.discard(self)


class _Dashboard(_Socket):
    # Mistake: the handshake asks for no role.
    def open(self) -> None:
        super().open()
        self.write_message({"type": "stats", "connections": len(self.twin.sockets)})


class _Chat(_Socket):
    def on_message(self, message: str | bytes) -> None:
        # Mistakes: no size, no rate, no form, no permission. Each field of the client goes to all.
        try:
            fields = json.loads(message)
        except (ValueError, RecursionError) as error:
            fields = {"type": "unreadable", "detail": str(error)}
        if not isinstance(fields, dict):
            fields = {"text": fields}
        done = {"announce": "announced", "grant": "granted", "join": "joined", "kick": "kicked"}
        told = {"from": self.name, **fields, "type": done.get(str(fields.get("type")), "said")}
        for socket in self.twin.sockets:
            if isinstance(socket, _Chat) and not socket.is_behind:
                socket.write_message(told)

    @property
    def is_behind(self) -> bool:
        """Return whether the client does not read. Its messages must not fill the memory of the demo."""
        stream = None if self.ws_connection is None else self.ws_connection.stream
        return stream is None or stream.writing()
