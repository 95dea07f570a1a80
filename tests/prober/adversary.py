"""Servers with a hole, each built to look closed to a prober that takes doubt for a refusal.

`HOLES` has for each server how it is started and what the operator gives. None may end with exit status 0.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.prober.identity import Identity
from stormdoor.prober.login import Login

__all__ = ["HOLES", "ORIGIN", "Hole"]

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
        """Whether the client has the owner's cookie."""
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


def _only(handler: type[RequestHandler], path: str = "/ws") -> Callable[[], list[Any]]:
    return lambda: [(path, handler)]


# An unauthenticated client gets in ------------------------------------------------------------


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


class NoOrigin(Socket):
    """Asks for the cookie only where there is an Origin: programs were meant to have a token."""

    def prepare(self) -> None:
        if "Origin" in self.request.headers and not self.owned:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class OwnOrigins(Socket):
    """Refuses every page but those of another host, and asks for no credential."""

    def check_origin(self, origin: str) -> bool:
        return origin == "https://app.example"

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class OtherShape(Socket):
    """Sends a client without a login the same data in the form of an older version."""

    def on_message(self, message: str | bytes) -> None:
        self.tell(DATA if self.owned else "prices oil 71, gas 33, coal 12")


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


class NeedsHeader(Socket):
    """Asks for the header of its own program, which is no secret, and never looks at the cookie."""

    def prepare(self) -> None:
        if self.request.headers.get("X-Client") != "web":
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class NeedsProtocol(Socket):
    """Asks for its own subprotocol, which is no secret, and never looks at the cookie."""

    name: ClassVar[str] = "vnd.company.dashboard-updates.v20240101"

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return self.name if self.name in subprotocols else None

    def prepare(self) -> None:
        if self.name not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise HTTPError(403)

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


class Graph(Socket):
    """GraphQL without a login: a subscription before `connection_init` is closed with 4401."""

    ready = False

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "graphql-transport-ws" if "graphql-transport-ws" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        came = json.loads(message)
        if came["type"] == "connection_init":
            self.ready = True
            self.tell('{"type": "connection_ack"}')
        elif not self.ready:
            self.close(4401, "Unauthorized")
        else:
            self.tell(json.dumps({"id": came["id"], "type": "next", "payload": {"data": {"a": 1}}}))


class Watts(Socket):
    """Sends numbers of its own at a path that a pack takes for Socket.IO."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell("44.1 kW")

    def on_message(self, message: str | bytes) -> None:
        self.tell("44.2 kW")


class NotTheNamespace(Socket):
    """Socket.IO whose main namespace is not there, and whose other one is open to every client."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell('0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}')

    def on_message(self, message: str | bytes) -> None:
        if message == "40/jobs,":
            self.tell('42/jobs,["state",{"running":7}]')
        else:
            self.tell('44{"message":"Invalid namespace"}')


class StompError(Socket):
    """STOMP that wants a header which the pack does not send, and no credential."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "v12.stomp" if "v12.stomp" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        if "host:plant" in str(message):
            self.tell("CONNECTED\nversion:1.2\n\n\x00")
        else:
            self.tell("ERROR\nmessage:unknown host\n\n\x00")


class ReadsBytes(Socket):
    """Serves every client that speaks in bytes."""

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.write_message(b"\x93\x01\x02\x03" * 8, binary=True)


class OnlyOnce(Socket):
    """Keeps one connection for each client: the next one ends it, and it is never refused."""

    latest: ClassVar[list[Socket]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        for one in self.latest:
            one.close(4409, "opened elsewhere")
        self.latest[:] = [self]
        self.tell()


class Elsewhere(Socket):
    """Answers every client's message on the client's other socket."""

    others: ClassVar[list[Socket]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        if self.request.path == "/answers":
            self.others.append(self)

    def on_message(self, message: str | bytes) -> None:
        for one in self.others:
            one.tell()


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


class Leaks(Socket):
    """Sends the data to every client, and then closes on those without a login."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()
        if not self.owned:
            self.close(4401, "log in")


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


class CountedIds(Socket):
    """Takes the number of any user for a credential."""

    users: ClassVar[frozenset[str]] = frozenset({"100481", "100482", "100483"})

    def prepare(self) -> None:
        if self.get_cookie("uid") not in self.users:
            raise HTTPError(401)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class LargeToOthers(Socket):
    """Sends everything to a client without a cookie, in a message that is larger than a prober reads."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell(DATA if self.owned else DATA + " " * (5 << 20))


class LateHandshake(Socket):
    """Lets clients without a cookie wait for three seconds, and then in."""

    async def prepare(self) -> None:
        if not self.owned:
            await asyncio.sleep(3.0)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class AnyCookieThenLimit(Socket):
    """Accepts any cookie from the own page, until a page of another site was refused ten times."""

    count: ClassVar[int] = 0

    def check_origin(self, origin: str) -> bool:
        own = super().check_origin(origin)
        type(self).count += not own
        return own

    def prepare(self) -> None:
        if not self.get_cookie("session") or self.count > 9:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


class TicketNoOrigin(Socket):
    """Asks for a ticket that works once, except of clients without an Origin."""

    used: ClassVar[list[str]] = []

    def prepare(self) -> None:
        ticket = self.get_argument("ticket", "")
        if "Origin" in self.request.headers and (ticket != "t-1" or ticket in self.used):
            raise HTTPError(401)
        self.used.append(ticket)

    def open(self, *args: str, **kwargs: str) -> None:
        self.tell()


# A page of another site gets in ---------------------------------------------------------------


class Guarded(Socket):
    """Asks for the cookie; what subclasses forget is the page."""

    def prepare(self) -> None:
        if not self.owned:
            raise HTTPError(401)

    def check_origin(self, origin: str) -> bool:
        return True

    @property
    def foreign(self) -> bool:
        """Whether a page of another host has opened it."""
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


# An open socket survives the logout -----------------------------------------------------------


def _sessions(kind: type[Session]) -> Callable[[], list[Any]]:
    """The routes of a server with sessions of its own."""

    def make() -> list[Any]:
        known: set[str] = set()
        sockets: list[Session] = []
        shared = {"known": known, "sockets": sockets}
        return [("/login", LogIn, shared), ("/logout", LogOut, shared), ("/ws", kind, shared)]

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


def _fresh(handler: type[RequestHandler]) -> Callable[[], list[Any]]:
    """The same with counters of its own, so that no test sees those of another."""

    def make() -> list[Any]:
        own: dict[str, Any] = {"count": 0, "here": 0}
        for name in ("sockets", "latest", "others", "done", "used"):
            if name in vars(handler):
                own[name] = type(vars(handler)[name])()
        return [("/ws", cast("type[RequestHandler]", type(handler.__name__, (handler,), own)))]

    return make


HOLES = (
    Hole("silent, owner", _only(Silent), {"owner": OWNER}),
    Hole("silent, no owner", _only(Silent)),
    Hole("greets the owner", _only(GreetsOwner), {"owner": OWNER}),
    Hole("answers others late", _only(LateToOthers), {"owner": OWNER, "say": SAY}),
    Hole("sends to all", _fresh(FeedsAll), {"owner": OWNER, "say": SAY}),
    Hole("no Origin, owner", _only(NoOrigin), {"owner": OWNER}),
    Hole("no Origin, no owner", _only(NoOrigin)),
    Hole("an origin elsewhere", _only(OwnOrigins)),
    Hole("another shape", _only(OtherShape), {"owner": OWNER, "say": SAY}),
    Hole("403 is a limit", _fresh(TooMany), {"owner": OWNER}),
    Hole("1008 is a limit", _fresh(TooManyCloses), {"owner": OWNER}),
    Hole("flaky", _fresh(Flaky), {"owner": OWNER}),
    Hole(
        "a header that is no secret",
        _only(NeedsHeader),
        {"owner": Identity("ada", cookies=OWNER.cookies, headers=(("X-Client", "web"),))},
    ),
    Hole(
        "a subprotocol that is no secret",
        _only(NeedsProtocol),
        {"owner": Identity("ada", cookies=OWNER.cookies, protocols=(NeedsProtocol.name,))},
    ),
    Hole(
        "redirects to itself",
        lambda: [("/account/ws", Redirects), ("/account/ws/", Leaks)],
        path="/account/ws",
    ),
    *(
        Hole(f"complains: {one.__name__}", _only(one), {"say": SAY})
        for one in (
            Parses, Unexpected, SessionLess, ClosesOddly, ClosesWith4001, ClosesWith4003, HangsUp,
        )
    ),
    Hole(
        "4401 before connection_init",
        _only(Graph),
        {
            "owner": Identity("ada", protocols=("graphql-transport-ws",)),
            "say": ('{"id": "{unique}", "type": "subscribe", "payload": {"query": "{ a }"}}',),
        },
    ),
    Hole("a pack that is wrong", _only(Watts, "/socket.io/"), path="/socket.io/"),
    Hole("another namespace", _only(NotTheNamespace, "/socket.io/"), path="/socket.io/"),
    Hole(
        "STOMP with a host",
        _only(StompError),
        {"owner": Identity("ada", protocols=("v12.stomp",))},
    ),
    Hole("bytes only", _only(ReadsBytes), {"owner": OWNER}),
    Hole("one connection, owner", _fresh(OnlyOnce), {"owner": OWNER}),
    Hole("one connection, no owner", _fresh(OnlyOnce)),
    Hole("answers elsewhere", _fresh(Elsewhere), {"owner": OWNER, "say": SAY}),
    Hole("remembers the owner", _fresh(Remembers), {"owner": OWNER}),
    Hole("leaks before it closes, owner", _only(Leaks), {"owner": OWNER}),
    Hole("leaks before it closes, no owner", _only(Leaks)),
    Hole("closes while nothing is said", _only(NotYet)),
    Hole("fails without a proxy", _only(ServerError)),
    Hole("a log of refusals", _only(LogLines)),
    Hole("asks and does not enforce, no owner", _only(AsksOnly)),
    Hole("asks and does not enforce, owner", _only(AsksOnly), {"owner": OWNER}),
    Hole(
        "a number that can be counted",
        _only(CountedIds),
        {"owner": Identity("ada", cookies=(("uid", "100482"),))},
    ),
    Hole("too large to read", _only(LargeToOthers), {"owner": OWNER}),
    Hole("a late handshake", _only(LateHandshake), {"owner": OWNER}),
    Hole("any cookie, then a limit", _fresh(AnyCookieThenLimit), {"owner": OWNER}, rule="SP102"),
    Hole(
        "a ticket, no Origin",
        _fresh(TicketNoOrigin),
        {"owner": Identity("ada", query=(("ticket", "t-1"),))},
    ),
    Hole("foreign page writes", _only(WritesOnly), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page waits", _only(SlowToForeign), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page gets other data", _only(SmallToForeign), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page, silent", _only(SilentOrigin), {"owner": OWNER}, rule="SP201"),
    Hole("foreign page is sandboxed", _only(Sandboxed), {"owner": OWNER}, rule="SP201"),
    Hole("logout: answers", _sessions(Answers), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole("logout: answers, nothing to say", _sessions(Answers), logs_in=True, rule="SP901"),
    Hole("logout: stops its feed", _sessions(StopsFeed), logs_in=True, rule="SP901"),
    Hole(
        "logout: hears others", _sessions(HearsOthers), {"say": ("{unique}",)}, logs_in=True, rule="SP901"
    ),
    Hole("logout: hears others, fixed", _sessions(HearsOthers), {"say": SAY}, logs_in=True, rule="SP901"),
    Hole("logout: a slower feed", _sessions(LaterFeed), logs_in=True, rule="SP901"),
    Hole("logout: keeps the cookie", _sessions(KeepsCookie), logs_in=True, rule="SP901"),
)  # fmt: skip
"""Every server."""
