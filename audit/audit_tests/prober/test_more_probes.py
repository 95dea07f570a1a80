"""Probes about tokens that end, tickets, listeners, sizes and limits: found, and silent otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from audit_tests.prober.servers import ALICE, BOB, KEY, SESSIONS, Feed, jwt, probed, serving, slugs
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import Declared
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(8)

UNIQUE = ('{"type":"say","text":"{unique}"}',)
OLD, FOREIGN = jwt(exp=1_500_000_000), jwt(aud="another-service")
DECLARED = Declared(expired=OLD, foreign=FOREIGN)


def _bearer(token: str) -> Identity:
    return Identity("alice", headers=(("Authorization", f"Bearer {token}"),))


class Tokens(Feed):
    """Asks for one of the tokens that it takes."""

    taken: ClassVar[tuple[str, ...]] = (jwt(),)

    def allowed(self) -> bool:
        return self.request.headers.get("Authorization", "").removeprefix("Bearer ") in self.taken


class Late(Tokens):
    """Has forgotten `exp`."""

    taken = (jwt(), OLD)


class Anybodys(Tokens):
    """Has forgotten `aud`."""

    taken = (jwt(), FOREIGN)


@pytest.mark.parametrize(
    ("handler", "token", "found"),
    [
        (Tokens, jwt(), set()),
        (Late, jwt(), {"expired-token"}),
        (Late, OLD, {"expired-token"}),
        (Anybodys, jwt(), {"foreign-token"}),
    ],
)
async def test_declared_tokens(handler: Any, token: str, found: set[str]) -> None:
    """An expired or foreign token that gets in is a finding, and the report does not contain it."""
    async with serving(handler) as port:
        report = await probed(port, owner=_bearer(token), declared=DECLARED)
    assert slugs(report) == found
    assert not any(one in str(report) for one in (OLD, FOREIGN))


class Forged(Feed):
    """Believes what a test says of a token's header."""

    believes: ClassVar[Callable[[dict[str, Any], str], bool]]

    def allowed(self) -> bool:
        import base64

        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == jwt():
            return True
        try:
            head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        except ValueError:
            return False
        return type(self).believes(head, token)


def _own_key(head: dict[str, Any], token: str) -> bool:
    import base64
    import hashlib
    import hmac

    if "jwk" not in head:
        return False
    key = base64.urlsafe_b64decode(head["jwk"]["k"] + "==")
    text, _, given = token.rpartition(".")
    made = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == given


@pytest.mark.parametrize(
    ("what", "believes"),
    [
        ("`none`", lambda head, _: head.get("alg") == "none"),
        ("`None`", lambda head, _: head.get("alg") == "None"),
        ("`NONE`", lambda head, _: head.get("alg") == "NONE"),
        ("`nOnE`", lambda head, _: head.get("alg") == "nOnE"),
        ("alg ``", lambda head, _: head.get("alg") == ""),
        ("without an algorithm", lambda head, _: "alg" not in head),
        ("a key that it brings along", _own_key),
        ("an empty file as its key", lambda head, _: "null" in head.get("kid", "")),
    ],
)
async def test_forgeries(what: str, believes: Any) -> None:
    """Each way of writing a token oneself is found, and named."""
    handler = type("Believes", (Forged,), {"believes": staticmethod(believes)})
    async with serving(handler) as port:
        report = await probed(port, owner=_bearer(jwt()))
    [one] = report.findings
    assert one.slug == "forged-token"
    assert what in one.message


class TicketAgain(Feed):
    """Looks the ticket up, and leaves it where it is."""

    def allowed(self) -> bool:
        return self.get_query_argument("ticket", "") == KEY


class TicketOnce(TicketAgain):
    """Takes it out."""

    used: ClassVar[set[str]] = set()

    def allowed(self) -> bool:
        if not super().allowed() or KEY in self.used:
            return False
        self.used.add(KEY)
        return True


async def test_tickets() -> None:
    """A credential that is called a ticket, and works twice, is found; one that does not is not."""
    owner = Identity("alice", query=(("ticket", KEY),))
    async with serving(TicketAgain) as port:
        assert slugs(await probed(port, owner=owner)) == {"used-twice", "credential-in-url"}
    async with serving(TicketOnce) as port:
        assert slugs(await probed(port, owner=owner)) == set()


class Room(WebSocketHandler):
    """Room that closes unauthenticated clients after the 101, and still broadcasts their messages."""

    everybody: ClassVar[set[WebSocketHandler]] = set()
    looks = False

    def known(self) -> bool:
        """Return whether the client is logged in."""
        return self.get_cookie("session") in SESSIONS

    def open(self, *args: str, **kwargs: str) -> None:
        if self.known():
            self.everybody.add(self)
        else:
            self.close(4401)

    def on_message(self, message: str | bytes) -> None:
        if self.looks and not self.known():
            return
        for one in self.everybody:
            one.write_message({"type": "said", "text": json.loads(message)["text"]})

    def on_close(self) -> None:
        self.everybody.discard(self)


class LookingRoom(Room):
    """Looks at each message who says it."""

    looks = True


async def test_messages_after_the_close() -> None:
    """A message after the server's close that reaches the owner is a finding."""
    async with serving(Room) as port:
        report = await probed(port, owner=ALICE, say=UNIQUE)
    assert slugs(report) == {"frames-after-close"}
    assert "close frame" in report.findings[0].message
    async with serving(LookingRoom) as port:
        assert slugs(await probed(port, owner=ALICE, say=UNIQUE)) == set()


class Table(Feed):
    """Changes one line of a table, which all see."""

    everybody: ClassVar[set[WebSocketHandler]] = set()
    whole = True

    def open(self, *args: str, **kwargs: str) -> None:
        self.everybody.add(self)

    def on_message(self, message: str | bytes) -> None:
        try:
            change = json.loads(message)
            if not self.whole:
                amount = float(change["amount"])
                if amount != amount or set(change) != {"line", "amount"}:  # noqa: PLR0124 - NaN
                    raise ValueError("no amount")
                change = {"line": str(change["line"]), "amount": amount}
        except (ValueError, TypeError, KeyError):
            self.write_message({"type": "error", "error": "invalid"})
            return
        for one in self.everybody:
            one.write_message({"type": "table", **change} if isinstance(change, dict) else "?")

    def on_close(self) -> None:
        self.everybody.discard(self)


class CheckedTable(Table):
    """Knows its fields."""

    everybody: ClassVar[set[WebSocketHandler]] = set()
    whole = False


class TellsExceptions(CheckedTable):
    """Shows the page what went wrong."""

    everybody: ClassVar[set[WebSocketHandler]] = set()

    def on_message(self, message: str | bytes) -> None:
        try:
            json.loads(message)["line"]
        except Exception as error:  # noqa: BLE001 - as people do
            self.write_message({"type": "oops", "text": repr(error)})
        else:
            super().on_message(message)


ACTIVE: dict[str, Any] = {"owner": ALICE, "active": True, "say": ('{"line":"a","amount":1}',)}
SIZES = {"message-rate", "connections-per-client", "handshake-rate", "malformed-frames"}


async def test_what_is_passed_on() -> None:
    """Fields in no schema and NaN are found where others get them; exceptions where they are shown."""

    async def look(handler: Any) -> Report:
        async with serving(handler, websocket_max_message_size=65536) as port:
            return await probed(port, **ACTIVE)

    reports = await asyncio.gather(*map(look, (Table, CheckedTable, TellsExceptions)))
    found = [slugs(one) - SIZES for one in reports]
    assert found == [{"unvalidated-messages"}, set(), {"error-leakage"}]
    said = "\n".join(one.message for one in reports[0].findings)
    for what in (
        "in no schema",
        "a number, may be a text",
        "a text, may be an object",
        "40 deep",
        "NaN",
    ):
        assert what in said


class InPieces(Feed):
    """Limits each frame, and not the message (as a hand-written server may)."""

    def get_compression_options(self) -> dict[str, Any] | None:
        return {}


async def test_size_of_compressed_messages_and_pieces() -> None:
    """Tornado counts both; a server that counts frames or compressed bytes is found."""
    async with serving(InPieces, websocket_max_message_size=65536) as port:
        report = await probed(port, owner=ALICE, active=True)
    assert slugs(report) == {"connections-per-client", "malformed-frames"}
    server = await asyncio.start_server(_counts_frames, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        report = await probed(port, active=True)
    said = [one.message for one in report.findings if one.slug == "size-limit-bypass"]
    assert len(said) == 2
    assert "in pieces" in said[0]
    assert "compressed" in said[1]


async def _counts_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that ends with a frame of more than 64 KiB, and counts nothing else."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "permessage" in head:
        writer.write(b"HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    else:
        writer.write(b"HTTP/1.1 101 x\r\n\r\n")
    message = b'{"type":"prices","items":[1]}'
    writer.write(bytes([0x81, len(message)]) + message)
    try:
        while True:
            first, second = await reader.readexactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            if length > 65536 or first & 0x0F == 8:
                break
            await reader.readexactly(4 + length)
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


class Ends(Feed):
    """Its token lives for a moment; the socket as long as it likes."""

    closes = False

    def ends(self) -> float:
        """When the token ends; 0 where there is none."""
        import base64

        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token.count(".") != 2:
            return 0.0
        return float(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["exp"])

    def allowed(self) -> bool:
        try:
            return self.ends() > time.time()
        except (ValueError, KeyError):
            return False

    def open(self, *args: str, **kwargs: str) -> None:
        super().open()
        if self.closes:
            IOLoop.current().call_later(max(self.ends() - time.time(), 0), self.close)


class EndsInTime(Ends):
    """The socket ends with its token."""

    closes = True


async def test_expiry_of_an_open_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that outlives its token is found, the one that ends with it is not."""
    # What a token says is compared with the other clock, which goes ahead with that of the loop.
    clock = asyncio.get_running_loop().time
    behind = time.time() - clock()
    monkeypatch.setattr(time, "time", lambda: clock() + behind)

    async def look(handler: Any) -> set[str]:
        async with serving(handler) as port:
            # On a busy machine a token has ended before its turn comes: then the next lasts longer.
            for seconds in (3, 9, 19):
                # Only `exp` is looked at: what else is wrong with these tokens is another test's.
                owner = _bearer(jwt(exp=int(time.time()) + seconds))
                report = await probed(port, owner=owner, say=UNIQUE)
                if {"closed", "open"} & {
                    one.outcome for one in report.tried if one.rule_id == "SP903"
                }:
                    return slugs(report)
            return set()

    lives, ends = await asyncio.gather(look(Ends), look(EndsInTime))
    assert lives - ends == {"after-expiry"}
    assert "after-expiry" not in ends


class Staff(Feed):
    """Bob dismisses Alice."""

    everybody: ClassVar[set[Any]] = set()
    dismissed: ClassVar[set[str]] = set()
    closes = False

    def allowed(self) -> bool:
        return super().allowed() and self.get_cookie("session") not in self.dismissed

    def open(self, *args: str, **kwargs: str) -> None:
        self.everybody.add(self)

    def on_message(self, message: str | bytes) -> None:
        if message == "dismiss":
            self.dismissed.add(ALICE.cookies[0][1])
            for one in [one for one in self.everybody if self.closes and not one.allowed()]:
                one.close(4403)
        else:
            super().on_message(message)

    def on_close(self) -> None:
        self.everybody.discard(self)


class StaffInTime(Staff):
    """Its socket is closed at once."""

    closes = True


async def test_revocation_of_an_open_socket() -> None:
    """A socket that continues after a revocation of its right is a finding."""
    plan: dict[str, Any] = {"owner": ALICE, "other": BOB, "say": UNIQUE, "active": True}
    plan["declared"] = Declared(revoke="dismiss")
    for handler, found in ((Staff, {"after-revocation"}), (StaffInTime, set())):
        Staff.dismissed.clear()
        async with serving(handler, websocket_max_message_size=65536) as port:
            assert slugs(await probed(port, **plan)) - SIZES == found


class Waits(Feed):
    """Feed that opens for all clients, and closes unauthenticated ones after a time of silence."""

    seconds = 0.2

    def prepare(self) -> None:
        """Accept every handshake."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.allowed():
            super().open()
        elif self.seconds:
            IOLoop.current().call_later(self.seconds, self._away)

    def _away(self) -> None:
        with contextlib.suppress(WebSocketClosedError):
            self.close(4408)


class WaitsForEver(Waits):
    """Feed that never closes an unauthenticated client."""

    seconds = 0.0


async def test_idle_strangers() -> None:
    """A silent client that is gone in time is no finding; one that stays is, and only if it was asked for."""
    idle = Declared(idle=0.6)
    async with serving(Waits) as port:
        report = await probed(port, owner=ALICE, declared=idle)
        # Tornado waits an hour for the rest of a request, regardless of the handler.
        assert [one.message for one in report.findings if "not finished" not in one.message] == []
    async with serving(WaitsForEver) as port:
        report = await probed(port, owner=ALICE, declared=idle)
        assert [one.slug for one in report.findings] == ["idle-strangers", "idle-strangers"]
        assert slugs(await probed(port, owner=ALICE)) == set()


class Seats(Feed):
    """Twenty sockets, and no more."""

    taken: ClassVar[int] = 0

    def prepare(self) -> None:
        if Seats.taken >= 20:
            raise HTTPError(503)
        super().prepare()

    def open(self, *args: str, **kwargs: str) -> None:
        Seats.taken += 1
        super().open()

    def on_close(self) -> None:
        Seats.taken -= 1


async def test_connections_per_client() -> None:
    """Forty simultaneous sockets of a client are a finding if the server does not limit them."""
    plan: dict[str, Any] = {"owner": ALICE, "active": True}
    async with serving(Seats, websocket_max_message_size=65536) as port:
        assert slugs(await probed(port, **plan)) == {"malformed-frames"}
    async with serving(Feed, websocket_max_message_size=65536) as port:
        assert slugs(await probed(port, **plan)) == {"connections-per-client", "malformed-frames"}
