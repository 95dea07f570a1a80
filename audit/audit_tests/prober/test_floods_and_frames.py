"""Slow readers, tickets used at once, and frames that break the protocol: found, and silent otherwise."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from websockets.asyncio.server import ServerConnection, serve

from audit_tests.prober.servers import ALICE, KEY, SESSIONS, Feed, probed, serving
from stormdoor_audit.prober import backlog, engine
from stormdoor_audit.prober.entrance import Entered
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probe import Declared, Probe
from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.prober.probes.sp606_malformed_frames import CASES
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(8)

ECHO = ('{"type":"say","text":"{unique}"}',)
LIST = ('{"type":"list"}',)
ROOMS = {"type": "rooms", "rooms": ["a room with a long name"] * 900}

Only = Callable[[str], None]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Runs one probe, and none of the others."""

    def choose(id: str) -> None:
        chosen: list[Probe] = [one for one in PROBES if one.meta.id == id]
        assert chosen
        monkeypatch.setattr(engine, "in_turn", lambda **_: chosen)

    return choose


@pytest.fixture
def less(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands before these servers, so that a fifth is enough."""
    monkeypatch.setattr(backlog, "MUCH", 8 * 1024 * 1024)
    monkeypatch.setattr(backlog, "_FEWEST", 192)


def said(report: Report) -> str:
    """Return the result of the one probe, and assert that it contains no credential."""
    assert not any(one in str(report) for one in (*SESSIONS, KEY))
    [one] = report.tried
    return f"{one.outcome}: {one.what}"


class Keeps(Feed):
    """Writes, and does not wait."""

    def on_message(self, message: str | bytes) -> None:
        found = json.loads(message)
        self.write_message(ROOMS if found["type"] == "list" else found)


class Waits(Keeps):
    """Reads no more before it was written."""

    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        found = json.loads(message)
        with contextlib.suppress(asyncio.CancelledError):  # the client has gone
            await self.write_message(ROOMS if found["type"] == "list" else found)


class Bounds(Keeps):
    """Ends with who does not read."""

    def on_message(self, message: str | bytes) -> None:
        stream = self.ws_connection.stream  # type: ignore[union-attr]
        assert stream is not None
        if len(stream._write_buffer) > 256 * 1024:
            stream.close()
        else:
            super().on_message(message)


class Tells(Keeps):
    """Room that sends each message to all clients."""

    everybody: ClassVar[set["Tells"]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        self.everybody.add(self)

    def on_message(self, message: str | bytes) -> None:
        for one in self.everybody:
            one.write_message(message)

    def on_close(self) -> None:
        self.everybody.discard(self)


class Short(Keeps):
    """Says little."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "said", "items": [1]})


@pytest.mark.parametrize(
    ("handler", "say", "outcome"),
    [
        (Keeps, ECHO, "open: 1036 messages .* 8 MiB were kept"),
        (Waits, LIST, "closed: .*stops reading"),
        (Bounds, LIST, "closed: .*ends the connection"),
        (Tells, ECHO, "not-tried: .*no other client hears"),
        (Short, LIST, "not-tried: .*too short"),
        (Keeps, (), "not-tried: "),
    ],
)
async def test_slow_reader(only: Only, less: None, handler: Any, say: Any, outcome: str) -> None:
    """A server that keeps every answer is found; one that waits or closes is not."""
    only("SP605")
    async with serving(handler) as port:
        report = await probed(port, owner=ALICE, active=True, say=say)
    assert re.match(outcome, said(report)), said(report)


async def _echo(socket: ServerConnection) -> None:
    await socket.send('{"type":"prices","items":[1]}')
    async for message in socket:
        await socket.send(message)


async def _echo_beside(socket: ServerConnection) -> None:
    """Echo with an unbounded task for each answer."""
    tasks: set[asyncio.Task[None]] = set()
    await socket.send('{"type":"prices","items":[1]}')
    async for message in socket:
        tasks.add(asyncio.create_task(socket.send(message)))
    await asyncio.gather(*tasks, return_exceptions=True)


async def _passes_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(16384):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def test_slow_reader_behind_a_proxy(only: Only) -> None:
    """Bytes in the kernels on both sides of a proxy do not count as kept by the server."""
    only("SP605")
    async with serving(Waits) as behind:

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            other, further = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(_passes_on(reader, further), _passes_on(other, writer))

        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            text = said(await probed(port, owner=ALICE, active=True, say=LIST))
    assert text.startswith("closed"), text


async def test_slow_reader_of_another_library(only: Only, less: None) -> None:
    """`websockets` waits in `send`; a task for each answer does away with that."""
    only("SP605")
    for handler, outcome in ((_echo, "closed"), (_echo_beside, "open")):
        async with serve(handler, "127.0.0.1", 0, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            assert said(await probed(port, owner=ALICE, active=True, say=ECHO)).startswith(outcome)


# -- frames -----------------------------------------------------------------------------------------


async def _reads_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A hand-written server that looks at nothing but the length, and answers what ends as a ping does."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "stormdoor-probe-nothing-here" not in head:
        writer.write(b"HTTP/1.1 101 x\r\n\r\n")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                first, second = await reader.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    length = int.from_bytes(await reader.readexactly(2))
                key = await reader.readexactly(4 if second & 0x80 else 0)
                data = await reader.readexactly(length)
                plain = bytes(one ^ key[at % 4] for at, one in enumerate(data)) if key else data
                if first == 0x88 and plain[:2] == (1000).to_bytes(2) and len(plain) == 2:
                    break
                if plain == b"still there?":
                    writer.write(bytes([0x8A, length]) + plain)
    writer.close()


async def test_frames(only: Only) -> None:
    """Each kind is told where it is accepted: all of them by hand, one by Tornado, none by `websockets`."""
    only("SP606")
    server = await asyncio.start_server(_reads_anything, "127.0.0.1", 0)
    async with server:
        text = said(await probed(server.sockets[0].getsockname()[1], active=True))
    assert [one for one in CASES if one not in text] == []
    assert text.startswith("open")
    async with serving(Feed) as port:
        text = said(await probed(port, owner=ALICE, active=True))
    assert text == "open: The socket stays open after a frame without a mask."
    async with serve(_echo, "127.0.0.1", 0) as sound:
        text = said(await probed(next(iter(sound.sockets)).getsockname()[1], active=True))
    assert text.startswith(f"closed: {len(CASES)} kinds")


# -- tickets ----------------------------------------------------------------------------------------


class Tickets(Feed):
    """Handler that removes a ticket only after an asynchronous look-up of its owner."""

    good: ClassVar[set[str]] = set()
    atomic = False

    async def prepare(self) -> None:  # type: ignore[override]
        ticket = self.get_query_argument("ticket", "")
        if not self.atomic and ticket in self.good:
            for _ in range(50):  # turns of the loop, in place of a database
                await asyncio.sleep(0)
        elif ticket not in self.good:
            self.send_error(401)
            return
        self.good.discard(ticket)

    @classmethod
    def issue(cls) -> str:
        """A new one."""
        ticket = f"{len(cls.good)}-{id(object())}-{KEY}"
        cls.good.add(ticket)
        return ticket


class AtomicTickets(Tickets):
    """Looks it up and takes it out in one step."""

    atomic = True


class _Issues:
    """A way to a new ticket, each time."""

    async def enter(self, who: Identity, captured: Any, budget: Any) -> Entered:
        return Entered(who, {"ticket": Tickets.issue()})


OWNER = Identity("alice", query=(("ticket", "{ticket}"),))


@pytest.mark.parametrize(
    ("handler", "steps", "unused", "outcome"),
    [
        (Tickets, True, 0, "open: One ticket, shown 4 times in the same moment, has opened 4 sockets."),
        (Tickets, False, 1, "open: "),
        (AtomicTickets, True, 0, "closed: "),
        (AtomicTickets, False, 2, "closed: "),
        (Tickets, False, 0, "not-tried: .*--unused-token"),
    ],
)  # fmt: skip
async def test_tickets_at_once(
    only: Only, handler: Any, steps: bool, unused: int, outcome: str
) -> None:
    """A handler that removes a ticket after a wait accepts it several times; an atomic one does not."""
    only("SP110")
    given = tuple(Tickets.issue() for _ in range(unused))
    plan: dict[str, Any] = {"declared": Declared(one_time=True, unused=given)}
    plan["owner"] = OWNER if steps else Identity("alice", query=(("ticket", Tickets.issue()),))
    async with serving(handler) as port:
        report = await probed(port, entrances=(_Issues(),) if steps else (), **plan)
    assert re.match(outcome, said(report)), said(report)
