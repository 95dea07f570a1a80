"""Servers that let a page of another site in."""

from __future__ import annotations

import json
from typing import ClassVar

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from audit_tests.prober.adversary.server import DATA, OWNER, Hole, Socket, later, only

__all__ = ["HOLES"]


class Guarded(Socket):
    """Asks for the cookie; what subclasses forget is the page."""

    def prepare(self) -> None:
        if not self.owned:
            raise HTTPError(401)

    def check_origin(self, origin: str) -> bool:
        return True

    @property
    def foreign(self) -> bool:
        """True if a page of another host opened it."""
        return not super().check_origin(self.request.headers.get("Origin", ""))


class WritesOnly(Guarded):
    """Sends the data to its own pages, and does what any page says."""

    done: ClassVar[list[str | bytes]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        if not self.foreign:
            self.tell()

    def on_message(self, message: str | bytes) -> None:
        self.done.append(message)


class SlowToForeign(Guarded):
    """Sends the data to a foreign page two seconds later than to its own."""

    def open(self, *args: str, **kwargs: str) -> None:
        later(2.0 if self.foreign else 0.0, self.tell)


class SmallToForeign(Guarded):
    """Sends a foreign page other data of the owner's."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell(json.dumps({"type": "name", "full": "Ada"}) if self.foreign else DATA)


class SilentOrigin(Guarded):
    """Accepts any page, and answers only the message that the operator did not give."""

    def on_message(self, message: str | bytes) -> None:
        if message == '{"type": "list"}':
            self.tell()


class Sandboxed(Guarded):
    """Accepts `null`, which a sandboxed frame of any page sends."""

    def check_origin(self, origin: str) -> bool:
        return origin == "null" or WebSocketHandler.check_origin(self, origin)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


HOLES = (
    Hole("foreign page writes", only(WritesOnly), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page waits", only(SlowToForeign), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page gets other data", only(SmallToForeign), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page, silent", only(SilentOrigin), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page is sandboxed", only(Sandboxed), {"owner": OWNER}, rule="SP201"),
)  # fmt: skip
