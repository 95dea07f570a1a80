"""Servers that refuse a client for another reason than a missing credential."""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar

from tornado.web import HTTPError, RequestHandler

from audit_tests.prober.adversary.delivers import Leaks
from audit_tests.prober.adversary.server import OWNER, SAY, Hole, Socket, fresh, later, only

__all__ = ["HOLES"]


class TooMany(Socket):
    """Lets every client in, and answers 403 after the third handshake."""

    count: ClassVar[int] = 0

    def prepare(self) -> None:
        type(self).count += 1
        if self.count > 2:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class TooManyCloses(TooMany):
    """The same with a close frame."""

    def prepare(self) -> None:
        type(self).count += 1

    def open(self, *args: str, **kwargs: str) -> None:
        if self.count > 2:
            self.close(1008)
        else:
            self.tell()


class Flaky(Socket):
    """Serves every client, and every second handshake fails."""

    count: ClassVar[int] = 0

    def prepare(self) -> None:
        type(self).count += 1
        if self.count > 2 and self.count % 2 == 0:
            raise HTTPError(500)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class Redirects(RequestHandler):
    """Sends every client on to the same path with a slash."""

    def get(self) -> None:
        self.redirect(f"{self.request.path}/")


class Parses(Socket):
    """Answers every client that sends a right message; complains of the others like a parser."""

    complaint: ClassVar[str] = "missing key: action"

    def on_message(self, message: str | bytes) -> None:
        if "action" in json.loads(message):
            self.tell()
        else:
            self.tell(json.dumps({"error": self.complaint}))


class Unexpected(Parses):
    complaint = "invalid token at line 1"


class SessionLess(Parses):
    complaint = "no session for this id"


class ClosesOddly(Parses):
    """Closes after a message that it does not understand, with a code of its own."""

    code: ClassVar[int] = 1008

    def on_message(self, message: str | bytes) -> None:
        if "action" in json.loads(message):
            self.tell()
        else:
            self.close(self.code)


class ClosesWith4001(ClosesOddly):
    code = 4001


class ClosesWith4003(ClosesOddly):
    code = 4003


class HangsUp(Parses):
    """Hangs up after a message that it does not understand."""

    def on_message(self, message: str | bytes) -> None:
        if "action" in json.loads(message):
            self.tell()
        else:
            self.hang_up()


class OnlyOnce(Socket):
    """Keeps one connection for each client: the next one ends it, and it is never refused."""

    latest: ClassVar[list[Socket]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        for one in self.latest:
            one.close(4409, "opened elsewhere")
        self.latest[:] = [self]
        self.tell()


class Remembers(Socket):
    """Lets every client in while the owner is connected: the user is kept for the whole process."""

    here: ClassVar[int] = 0

    def prepare(self) -> None:
        if not self.owned and not Remembers.here:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        if self.owned:
            Remembers.here += 1
        self.tell()

    def on_close(self) -> None:
        if self.owned:
            Remembers.here -= 1


class NotYet(Socket):
    """Closes on every client that says nothing for a while, with the code of a policy."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.said = False
        later(0.05, self.look)

    def look(self) -> None:
        """Close if nothing was said."""
        if not self.said and self.ws_connection is not None:
            self.close(1008)

    def on_message(self, message: str | bytes) -> None:
        self.said = True
        self.tell()


class ServerError(Socket):
    """Fails for every client that does not send the header of the proxy in front of it."""

    def prepare(self) -> None:
        if "X-Request-Id" not in self.request.headers:
            raise HTTPError(502)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class LateHandshake(Socket):
    """Lets clients without a cookie wait for three seconds, and then in."""

    async def prepare(self) -> None:
        if not self.owned:
            await asyncio.sleep(3.0)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


HOLES = (
    Hole("403 is a limit", fresh(TooMany), {"owner": OWNER}),
    Hole("1008 is a limit", fresh(TooManyCloses), {"owner": OWNER}),
    Hole("flaky", fresh(Flaky), {"owner": OWNER}),
    Hole(
        "redirects to itself",
        lambda: [("/account/ws", Redirects), ("/account/ws/", Leaks)],
        path="/account/ws",
    ),
    *(
        Hole(f"complains: {one.__name__}", only(one), {"say": SAY})
        for one in (
            Parses, Unexpected, SessionLess, ClosesOddly, ClosesWith4001, ClosesWith4003, HangsUp,
        )
    ),
    Hole("one connection, owner", fresh(OnlyOnce), {"owner": OWNER}),
    Hole("one connection, no owner", fresh(OnlyOnce)),
    Hole("remembers the owner", fresh(Remembers), {"owner": OWNER}),
    Hole("closes while nothing is said", only(NotYet)),
    Hole("fails without a proxy", only(ServerError)),
    Hole("a late handshake", only(LateHandshake), {"owner": OWNER}),
)  # fmt: skip
