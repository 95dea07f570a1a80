"""Servers that deliver the data to a client without a login, late, elsewhere, or in another form."""

from __future__ import annotations

import json
from typing import ClassVar

from audit_tests.prober.adversary.server import DATA, OWNER, SAY, Hole, Socket, fresh, later, only

__all__ = ["HOLES"]


class Silent(Socket):
    """Answers every client, and only the message that the operator did not give."""

    def on_message(self, message: str | bytes) -> None:
        if message == '{"type": "list"}':
            self.tell()


class GreetsOwner(Silent):
    """Greets the owner by name, and serves every client."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.owned:
            self.tell('{"type": "hello", "user": "ada"}')


class LateToOthers(Socket):
    """Answers the owner at once, and the others after three times as long as a prober listens."""

    def on_message(self, message: str | bytes) -> None:
        later(0.0 if self.owned else 0.4, self.tell)


class FeedsAll(Socket):
    """Answers only the owner, and sends what the owner asks to every open socket."""

    sockets: ClassVar[set[Socket]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        self.sockets.add(self)

    def on_close(self) -> None:
        self.sockets.discard(self)

    def on_message(self, message: str | bytes) -> None:
        if self.owned:
            for one in self.sockets:
                one.tell()


class OtherShape(Socket):
    """Sends a client without a login the same data in the form of an older version."""

    def on_message(self, message: str | bytes) -> None:
        self.tell(DATA if self.owned else "prices oil 71, gas 33, coal 12")


class ReadsBytes(Socket):
    """Serves every client that speaks in bytes."""

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.write_message(b"\x93\x01\x02\x03" * 8, binary=True)


class Elsewhere(Socket):
    """Answers every client's message on the client's other socket."""

    others: ClassVar[list[Socket]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        if self.request.path == "/answers":
            self.others.append(self)

    def on_message(self, message: str | bytes) -> None:
        for one in self.others:
            one.tell()


class Leaks(Socket):
    """Sends the data to every client, and then closes on those without a login."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()
        if not self.owned:
            self.close(4401, "log in")


class LogLines(Socket):
    """Sends the log of the application, which is about logins of others, to every client."""

    def open(self, *args: str, **kwargs: str) -> None:
        for name in ("bob", "eve", "mallory", "oscar"):
            self.tell(json.dumps({"level": "error", "text": f"{name}: authentication failed"}))


class AsksOnly(Socket):
    """Asks every client without a cookie to log in, and answers its messages all the same."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell(DATA if self.owned else '{"type": "error", "error": "please log in"}')

    def on_message(self, message: str | bytes) -> None:
        self.tell()


class LargeToOthers(Socket):
    """Sends everything to a client without a cookie, in a message that is larger than a prober reads."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell(DATA if self.owned else DATA + " " * (5 << 20))


HOLES = (
    Hole("silent, owner", only(Silent), {"owner": OWNER}),
    Hole("silent, no owner", only(Silent)),
    Hole("greets the owner", only(GreetsOwner), {"owner": OWNER}),
    Hole("answers others late", only(LateToOthers), {"owner": OWNER, "say": SAY}),
    Hole("sends to all", fresh(FeedsAll), {"owner": OWNER, "say": SAY}),
    Hole("another shape", only(OtherShape), {"owner": OWNER, "say": SAY}),
    Hole("bytes only", only(ReadsBytes), {"owner": OWNER}),
    Hole("answers elsewhere", fresh(Elsewhere), {"owner": OWNER, "say": SAY}),
    Hole("leaks before it closes, owner", only(Leaks), {"owner": OWNER}),
    Hole("leaks before it closes, no owner", only(Leaks)),
    Hole("a log of refusals", only(LogLines)),
    Hole("asks and does not enforce, no owner", only(AsksOnly)),
    Hole("asks and does not enforce, owner", only(AsksOnly), {"owner": OWNER}),
    Hole("too large to read", only(LargeToOthers), {"owner": OWNER}),
)  # fmt: skip
