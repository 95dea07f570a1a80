"""Applications as their developers write them, with a hole and without; none of them uses stormdoor."""

from __future__ import annotations

from typing import Any

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor_audit.testing import Identity

__all__ = ["ALICE", "Guarded", "Login", "OpenOrigin", "OpenToAll", "Silent", "application"]

_SESSION = "of-alice-3f1a9c27d5e4"
ALICE = Identity("alice", cookies=(("session", _SESSION),))


class Guarded(WebSocketHandler):
    """Asks for a session; Tornado compares the origin."""

    def prepare(self) -> None:
        if self.get_cookie("session") != _SESSION:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "said", "text": "an answer"})


class OpenOrigin(Guarded):
    """Lets pages of every site in."""

    def check_origin(self, origin: str) -> bool:
        return True


class OpenToAll(Guarded):
    """Handler without authentication."""

    def prepare(self) -> None:
        """Nothing is asked."""


class Silent(OpenToAll):
    """Handler that opens for all clients, and sends no message."""

    def open(self, *args: str, **kwargs: str) -> None:
        """Nothing is said."""


class Login(RequestHandler):
    """A form with a token against forgery."""

    def get(self) -> None:
        self.finish(self.xsrf_form_html())

    def post(self) -> None:
        if self.get_argument("password") != "correct horse":
            raise HTTPError(403)
        self.set_cookie("session", _SESSION, httponly=True, samesite="Lax")


def application(handler: type[WebSocketHandler], **settings: Any) -> Application:
    """It, with a login that has a token against forgery."""
    return Application(
        [(r"/prices", handler), (r"/login", Login)],
        xsrf_cookies=True,
        cookie_secret="a secret of the tests",
        **settings,
    )
