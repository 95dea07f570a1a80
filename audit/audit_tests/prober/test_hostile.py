"""Servers that answer in bad faith: a probe of them ends soon, says why, and leaves nothing open."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from audit_tests.prober.servers import ALICE, probed, slugs
from audit_tests.prober.test_tls import certified
from stormdoor_audit.prober import decide
from stormdoor_audit.prober.engine import CannotProbe, Plan, run
from stormdoor_audit.prober.probe import Declared
from stormdoor_audit.prober.target import NotAllowed, parse_target
from stormdoor_audit.report.finding import Report

pytestmark = pytest.mark.sampled(5)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FEED = b'{"kind": "tides", "level": 3}'


async def asked(reader: asyncio.StreamReader) -> bytes:
    """The head of a request."""
    return await reader.readuntil(b"\r\n\r\n")


def accepted(head: bytes) -> bytes:
    """A 101 to it."""
    key = head.lower().partition(b"sec-websocket-key:")[0]
    given = head[len(key) :].split(b"\r\n")[0].partition(b":")[2].strip()
    made = hashlib.sha1(given + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    proof = base64.b64encode(made.digest()).decode()
    lines = ["HTTP/1.1 101 Yes", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {proof}", "", ""]).encode()


def said(text: bytes) -> bytes:
    """A message as a server sends it."""
    return bytes([0x81, len(text)]) + text


@contextlib.asynccontextmanager
async def answering(
    serve: Serve, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """The port of a server that does this with each connection. It ends with no connection left to it."""
    running: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            running.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(one, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.sleep(0)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes of chance instead of an answer."""
    await asked(reader)
    writer.write(os.urandom(200_000))
    await writer.drain()


async def garbage_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes of chance behind a 101."""
    writer.write(accepted(await asked(reader)) + os.urandom(200_000))
    await writer.drain()
    await reader.read()


async def redirects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """To another place each time."""
    await asked(reader)
    where = b"/ws/%d" % time.time_ns()
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % where)
    await writer.drain()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Frames without an end."""
    writer.write(accepted(await asked(reader)))
    while True:
        writer.write(said(FEED) * 200 + b"\x89\x00" * 200)
        await writer.drain()


async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A message that never ends, in pieces of nothing."""
    writer.write(accepted(await asked(reader)) + b"\x01\x00")
    while True:
        writer.write(b"\x00\x00" * 1000)
        await writer.drain()


async def headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers without an end."""
    await asked(reader)
    writer.write(b"HTTP/1.1 101 Yes\r\n")
    while True:
        writer.write(b"X-More: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A frame of eight exabytes."""
    writer.write(accepted(await asked(reader)) + b"\x82\x7f\x7f" + b"\xff" * 7)
    await writer.drain()
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a refusal with a body that arrives byte by byte."""
    await asked(reader)
    writer.write(b"HTTP/1.1 403 No\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drips_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A message that comes byte by byte."""
    writer.write(accepted(await asked(reader)) + b"\x81\x7e\x40\x00")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await reader.read()


async def hints_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Always about to answer."""
    await asked(reader)
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        await writer.drain()


@pytest.mark.parametrize(
    "serve",
    [
        *(garbage, garbage_later, redirects, endless, in_pieces, headers, huge),
        *(drips, drips_frames, silent, hints_for_ever),
    ],
    ids=lambda one: one.__name__,
)
async def test_it_ends_in_time(serve: Serve) -> None:
    """Within its seconds, with a report or a reason; no task of the probe is left."""
    before = asyncio.all_tasks()
    async with answering(serve) as port:
        clock = asyncio.get_running_loop().time
        began = clock()
        report: Report | None = None
        with contextlib.suppress(CannotProbe):
            report = await probed(port, seconds=1.5, owner=ALICE)
        took = clock() - began
        left = {one for one in asyncio.all_tasks() - before if "answering" not in repr(one)}
    # Twice a second to hang up in order; the rest is a machine that has much to do.
    assert took < 8
    assert not left
    # An open endless feed is a true finding.
    if report is not None and serve is not endless:
        assert not slugs(report) & {"no-credential", "foreign-origin"}


class Slow:
    """Takes its time for the answer, and for what it delivers."""

    def __init__(self, *, guarded: bool, origins: bool) -> None:
        self.guarded, self.origins = guarded, origins

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = await asked(reader)
        await asyncio.sleep(0.15)
        stranger = self.guarded and b"alice-session" not in head
        foreign = self.origins and b"Origin: http://127.0.0.1:" not in head
        if stranger or foreign or b"nothing-here" in head or b":8080\r" in head:
            writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        writer.write(accepted(head))
        await writer.drain()
        await asyncio.sleep(0.15)
        writer.write(said(FEED))
        await writer.drain()
        await reader.read()


@pytest.mark.parametrize(
    ("guarded", "origins", "open_doors"),
    [
        (False, False, {"no-credential", "foreign-origin"}),
        (True, False, {"foreign-origin"}),
        (True, True, set()),
    ],
)
async def test_a_slow_server(
    *, guarded: bool, origins: bool, open_doors: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open check of a slow server is found within few attempts, and no other is reported."""
    monkeypatch.setattr(decide, "_SLOW", 0.1)
    monkeypatch.setattr(decide, "_SOON", 0.05)
    async with answering(Slow(guarded=guarded, origins=origins)) as port:
        report = await probed(port, owner=ALICE)
    assert slugs(report) & {"no-credential", "foreign-origin"} == open_doors


async def test_what_time_was_left_for_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report names untried checks, and a silence that was cut short is no refusal."""
    monkeypatch.setattr(decide, "_SLOW", 0.1)
    async with answering(Slow(guarded=True, origins=False)) as port:
        report = await probed(port, owner=ALICE, seconds=0.8)
    came = {one.outcome for one in report.tried if one.rule_id == "SP201"}
    assert came == {"not-determined"}


async def test_hints_before_the_answer() -> None:
    """A 103 is no answer; the 101 behind it is."""

    async def hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asked(reader)
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        writer.write(accepted(head) + said(FEED))
        await writer.drain()
        await reader.read()

    async with answering(hints) as port:
        assert "no-credential" in slugs(await probed(port))


async def test_tls_that_breaks_off(tmp_path: Path) -> None:
    """It is said that it is about TLS, and about the certificate where that is so."""

    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(200)
        writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        await writer.drain()

    async with answering(breaks) as port:
        with pytest.raises(CannotProbe, match="TLS"):
            await run(Plan(urls=(f"wss://127.0.0.1:{port}/ws",)))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*certified(tmp_path))
    async with answering(silent, tls=server) as port:
        # Without declared authorities, those of this machine count.
        with pytest.raises(CannotProbe, match="certificate"):
            await run(Plan(urls=(f"wss://127.0.0.1:{port}/ws",)))


async def test_ipv6() -> None:
    """The loopback of IPv6, and that of IPv4 as IPv6 writes it, are this machine."""

    async def feed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepted(await asked(reader)) + said(FEED))
        await writer.drain()
        await reader.read()

    async with answering(feed, host="::1") as port:
        plan = Plan(urls=(f"ws://[::1]:{port}/ws",), listen=0.12, per_second=1000.0)
        assert "no-credential" in slugs(await run(plan))
    assert parse_target("ws://[::ffff:127.0.0.1]:81/").is_here


@pytest.mark.parametrize(
    "url",
    [
        "unix:///tmp/a.sock",
        "ws+unix:///tmp/a:/ws",
        "ws:///ws",
        "ws://127.0.0.1:0/ws",
        "ws://[::1/ws",
    ],
)
def test_odd_addresses(url: str) -> None:
    """They are refused before anything is sent."""
    with pytest.raises(NotAllowed):
        parse_target(url)


def test_how_long_a_probe_may_take() -> None:
    """40 seconds, unless it is asked to wait for something, or told otherwise."""
    url = ("ws://127.0.0.1:1/",)
    assert Plan(urls=url).time == 40
    assert Plan(urls=url, active=True).time == Plan(urls=url, logout="/logout").time == 75
    assert Plan(urls=url, declared=Declared(idle=90.0)).time == 165
    assert Plan(urls=url, active=True, seconds=5.0).time == 5
