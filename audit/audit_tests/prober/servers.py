"""Small servers, vulnerable and sound, as people write them; and how one is probed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor_audit.prober.engine import Plan, run
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.report.finding import Report

__all__ = [
    "ALICE",
    "BOB",
    "KEY",
    "Feed",
    "jwt",
    "listening",
    "probed",
    "serving",
    "slugs",
    "states",
]

SESSIONS = {"alice-session-0123456789": "alice", "bob-session-9876543210": "bob"}
ALICE = Identity("alice", cookies=(("session", "alice-session-0123456789"),))
BOB = Identity("bob", cookies=(("session", "bob-session-9876543210"),))
KEY = "a-key-that-is-in-no-list-of-well-known-ones"


class Feed(WebSocketHandler):
    """Handler that sends prices to admitted clients; subclasses change the part to probe."""

    def allowed(self) -> bool:
        """Return whether the handshake is accepted."""
        return self.get_cookie("session") in SESSIONS

    def prepare(self) -> None:
        if not self.allowed():
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "said", "text": "an answer"})


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt(key: str = KEY, **claims: Any) -> str:
    """A token signed with HS256."""
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': 'alice', **claims})}"
    made = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


@contextlib.asynccontextmanager
async def serving(
    handler: type[RequestHandler], *more: Any, path: str = "/ws", **settings: Any
) -> AsyncIterator[int]:
    """The port of a server with this handler, in this event loop."""
    async with listening(Application([(path, handler), *more], **settings)) as port:
        yield port


@contextlib.asynccontextmanager
async def listening(application: Application) -> AsyncIterator[int]:
    """The port of a server with this application, in this event loop."""
    sock, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_sockets([sock])
    try:
        yield port
    finally:
        server.stop()
        await server.close_all_connections()


async def probed(port: int, path: str = "/ws", **plan: Any) -> Report:
    """The report about one endpoint; listening is short, since everything is on this machine."""
    quick: dict[str, Any] = {
        "urls": (f"ws://127.0.0.1:{port}{path}",),
        "listen": 0.12,
        "per_second": 1000.0,
    }
    return await run(Plan(**{**quick, **plan}))


def slugs(report: Report) -> set[str]:
    """Return the slugs of the findings."""
    return {one.slug for one in report.findings}


def states(report: Report) -> dict[str, str]:
    """The five verdicts."""
    [one] = report.endpoints
    return {str(check): verdict.state for check, verdict in one.verdicts.items()}
