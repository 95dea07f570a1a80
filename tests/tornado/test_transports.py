"""The transports of the fast protocol, step by step: on a loop that does nothing by itself."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from stormdoor.tornado.fast.socket_transport import SocketTransport, TransportProtocol
from stormdoor.tornado.fast.tls_transport import TlsTransport


class Loop:
    """Keeps who waits for what, and does it when it is told to."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}
        self.writers: dict[int, Callable[[], None]] = {}
        self.soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.faults: list[dict[str, Any]] = []

    def add_reader(self, number: int, callback: Callable[[], None]) -> None:
        self.readers[number] = callback

    def remove_reader(self, number: int) -> bool:
        return self.readers.pop(number, None) is not None

    def add_writer(self, number: int, callback: Callable[[], None]) -> None:
        self.writers[number] = callback

    def remove_writer(self, number: int) -> bool:
        return self.writers.pop(number, None) is not None

    def call_soon(self, callback: Callable[..., None], *args: Any) -> None:
        self.soon.append((callback, args))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.faults.append(context)

    def time(self) -> float:
        return 0.0

    def turn(self) -> None:
        """Run the callbacks that are due now, and none that they add."""
        for _ in range(len(self.soon)):
            callback, args = self.soon.popleft()
            callback(*args)


class Told(TransportProtocol):
    """Writes down what it hears."""

    def __init__(self, *, stays: bool = False, fails: bool = False) -> None:
        self.told: list[object] = []
        self._stays, self._fails = stays, fails
        self.may = True

    def data_received(self, data: bytes) -> None:
        if self._fails:
            raise RuntimeError("as told")
        self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self._stays

    def may_write(self) -> bool:
        return self.may

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", exc))


class Plain:
    """A transport on one end of a pair of sockets."""

    def __init__(self, protocol: Told | None = None) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.there.settimeout(60)
        self.number = self.here.fileno()
        self.loop = Loop()
        self.protocol = protocol or Told()
        loop = cast(asyncio.AbstractEventLoop, self.loop)
        self.transport = SocketTransport(loop, self.here, self.protocol)

    @property
    def told(self) -> list[object]:
        return self.protocol.told

    def readable(self) -> None:
        self.loop.readers[self.number]()

    def writable(self) -> None:
        self.loop.writers[self.number]()

    def fill(self) -> int:
        """Write more than the kernel takes. Returns how much it is."""
        block = bytes(1 << 20)
        written = 0
        while not self.transport.get_write_buffer_size():
            self.transport.write(block)
            written += len(block)
        return written

    def drain(self, size: int) -> bytes:
        """Read so much at the other end, while what waits here goes out."""
        received = bytearray()
        while len(received) < size:
            received += self.there.recv(1 << 20)
            if self.number in self.loop.writers:
                self.writable()
        return bytes(received)


@pytest.fixture
def plain() -> Iterator[Callable[..., Plain]]:
    """Makes one, and closes its sockets in the end."""
    made: list[Plain] = []

    def make(protocol: Told | None = None) -> Plain:
        made.append(Plain(protocol))
        return made[-1]

    yield make
    for one in made:
        one.here.close()
        one.there.close()


def test_what_comes_is_read_and_pausing_leaves_it_in_the_kernel(
    plain: Callable[..., Plain],
) -> None:
    """Also what the loop tells of a moment after the pause."""
    one = plain()
    one.there.send(b"one")
    ready = one.loop.readers[one.number]
    ready()
    one.there.send(b"two")
    one.transport.pause_reading()
    assert not one.loop.readers
    ready()
    assert one.told == [b"one"]
    one.transport.resume_reading()
    one.readable()
    assert one.told == [b"one", b"two"]
    one.readable()  # nothing is there
    assert one.told == [b"one", b"two"]


def test_what_the_kernel_does_not_take_goes_out_in_its_order(plain: Callable[..., Plain]) -> None:
    """The protocol hears when it waits, and when it does not any more."""
    one = plain()
    size = one.fill()
    assert one.told == ["pause"]
    one.transport.write(b"the end")
    assert one.drain(size + 7)[-7:] == b"the end"
    assert one.told == ["pause", "resume"]
    assert one.transport.get_write_buffer_size() == 0
    assert not one.loop.writers


def test_closing_waits_for_what_was_written(plain: Callable[..., Plain]) -> None:
    """Nothing is read or written any more, and the end comes in a turn of its own."""
    one = plain()
    size = one.fill()
    one.transport.close()
    one.transport.close()
    one.transport.write(b"too late")
    assert one.transport.is_closing()
    assert not one.loop.readers
    one.loop.turn()
    assert one.told == ["pause"]
    one.drain(size)
    one.loop.turn()
    assert one.told == ["pause", "resume", ("lost", None)]
    assert one.there.recv(1) == b""
    assert one.here.fileno() < 0


def test_aborting_waits_for_nothing(plain: Callable[..., Plain]) -> None:
    """`abort` discards unsent bytes, and works once."""
    one = plain()
    one.fill()
    one.transport.close()
    one.transport.abort()
    one.transport.abort()
    assert not one.loop.writers
    assert one.transport.get_write_buffer_size() == 0
    one.loop.turn()
    one.loop.turn()
    one.transport.abort()
    assert one.told == ["pause", ("lost", None)]
    assert not one.loop.soon


def test_the_end_of_writing_comes_behind_what_was_written(plain: Callable[..., Plain]) -> None:
    """After the end of writing the transport still reads."""
    one = plain()
    size = one.fill()
    assert one.transport.can_write_eof()
    one.transport.write_eof()
    one.transport.write_eof()
    one.transport.write(b"too late")
    one.drain(size)
    assert one.there.recv(10) == b""
    one.there.send(b"still here")
    one.readable()
    assert one.told == ["pause", "resume", b"still here"]


@pytest.mark.parametrize("stays", [True, False])
def test_the_other_end_hangs_up(plain: Callable[..., Plain], stays: bool) -> None:
    """The protocol says whether there is more to write."""
    one = plain(Told(stays=stays))
    one.there.shutdown(socket.SHUT_WR)
    one.readable()
    one.loop.turn()
    assert one.told == (["eof"] if stays else ["eof", ("lost", None)])
    assert not one.loop.readers
    if stays:
        one.transport.write(b"bye")
        one.transport.close()
        one.loop.turn()
        assert one.there.recv(10) == b"bye"


def test_a_protocol_that_raises_is_not_read_for_any_more(plain: Callable[..., Plain]) -> None:
    """The loop hears of it, and the connection is over."""
    one = plain(Told(fails=True))
    one.there.send(b"x")
    one.readable()
    one.loop.turn()
    assert isinstance(one.loop.faults[0]["exception"], RuntimeError)
    assert one.told == [("lost", None)]


class Script:
    """Scripted socket: each step of the script is returned or raised.

    Args:
        reads: Results of `recv`, in order; then it has nothing.
        sends: Results of `send`, in order: a maximum of bytes, or an error; then it takes all.
        waiting: Bytes that OpenSSL has read and that the transport has not asked for.
    """

    def __init__(self, *, reads: object = (), sends: object = (), waiting: int = 0) -> None:
        self.reads: deque[Any] = deque(cast("list[Any]", reads))
        self.sends: deque[Any] = deque(cast("list[Any]", sends))
        self.waiting = waiting
        self.offered: list[bytes] = []
        self.sent = bytearray()
        self.ended: list[str] = []
        # A real number: the transport asks the kernel whether there is more.
        self._end, self._other = socket.socketpair()

    def fileno(self) -> int:
        return self._end.fileno()

    def pending(self) -> int:
        return self.waiting

    def recv(self, size: int) -> bytes:
        step = self.reads.popleft() if self.reads else ssl.SSLWantReadError()
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, bytes)
        assert len(step) <= size
        return step

    def send(self, data: memoryview | bytes) -> int:
        self.offered.append(bytes(data))
        step = self.sends.popleft() if self.sends else len(data)
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, int)
        self.sent += data[:step]
        return min(step, len(data))

    def unwrap(self) -> None:
        self.ended.append("unwrap")

    def shutdown(self, _how: int) -> None:
        self.ended.append("shutdown")

    def close(self) -> None:
        self.ended.append("close")
        self._end.close()
        self._other.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[TlsTransport, Script, Loop, list[object]]]]:
    """Makes a transport of a script, and closes its descriptors in the end."""
    made: list[Script] = []

    def make(
        protocol: Told | None = None, **script: Any
    ) -> tuple[TlsTransport, Script, Loop, list[object]]:
        sock, loop, told = Script(**script), Loop(), protocol or Told()
        made.append(sock)
        transport = TlsTransport(
            cast(asyncio.AbstractEventLoop, loop), cast(ssl.SSLSocket, sock), told
        )
        return transport, sock, loop, told.told

    yield make
    for sock in made:
        sock.close()


Scripted = Callable[..., tuple[TlsTransport, Script, Loop, list[object]]]


def test_a_read_that_has_to_write_first(scripted: Scripted) -> None:
    """A key is changed, and the kernel takes nothing: it is read on when it does, and watched no longer."""
    _, sock, loop, told = scripted(reads=[ssl.SSLWantWriteError(), b"hello"])
    number = sock.fileno()
    loop.readers[number]()
    assert told == []
    assert number in loop.writers
    loop.writers[number]()
    assert told == [b"hello"]
    assert not loop.writers


def test_a_read_that_has_to_write_while_something_waits(scripted: Scripted) -> None:
    """Both go on when the kernel takes something."""
    transport, sock, loop, told = scripted(
        reads=[ssl.SSLWantWriteError(), b"hello"], sends=[ssl.SSLWantWriteError()]
    )
    number = sock.fileno()
    transport.write(b"first")
    loop.readers[number]()
    assert told == ["pause"]
    loop.writers[number]()
    assert told == ["pause", b"hello", "resume"]
    assert bytes(sock.sent) == b"first"
    assert not loop.writers


def test_a_write_that_has_to_read_first(scripted: Scripted) -> None:
    """A TLS write that needs a read does not wait for the socket to be writable."""
    transport, sock, loop, told = scripted(
        sends=[ssl.SSLWantReadError(), ssl.SSLWantReadError()], reads=[ssl.SSLWantReadError(), b"x"]
    )
    number = sock.fileno()
    transport.write(b"first")
    assert told == ["pause"]
    assert not loop.writers
    loop.readers[number]()  # not all of it has come
    assert told == ["pause"]
    assert not loop.writers
    loop.readers[number]()
    assert told == ["pause", "resume", b"x"]
    assert bytes(sock.sent) == b"first"
    assert not loop.writers


def test_openssl_sees_the_same_write_again(scripted: Scripted) -> None:
    """A repeated TLS write offers the same bytes, and later bytes follow in another write."""
    transport, sock, loop, told = scripted(sends=[ssl.SSLWantWriteError(), 3])
    transport.write(b"first")
    transport.write(b" and second")
    loop.writers[sock.fileno()]()
    assert sock.offered == [b"first", b"first", b"st and second"]
    assert bytes(sock.sent) == b"first and second"
    assert told == ["pause", "resume"]


def test_what_openssl_has_read_already_is_not_forgotten(scripted: Scripted) -> None:
    """No loop tells of it."""
    transport, sock, loop, told = scripted(reads=[b"early"], waiting=5)
    sock.waiting = 0
    loop.turn()
    assert told == [b"early"]
    transport.pause_reading()
    sock.reads.append(b"later")
    sock.waiting = 5
    transport.resume_reading()
    sock.waiting = 0
    loop.turn()
    assert told == [b"early", b"later"]


def test_a_flood_of_records_leaves_the_others_their_turn(scripted: Scripted) -> None:
    """After 256 KiB, and then it goes on by itself."""
    record = bytes(16 * 1024)
    _, sock, loop, told = scripted(reads=[record] * 20, waiting=1)
    loop.soon.clear()
    loop.readers[sock.fileno()]()
    assert [len(cast(bytes, one)) for one in told] == [16 * len(record)]
    sock.waiting = 0
    loop.turn()
    assert sum(len(cast(bytes, one)) for one in told) == 17 * len(record)


@pytest.mark.parametrize("fault", [ConnectionResetError(), ssl.SSLError("bad record mac")])
def test_a_connection_that_breaks(scripted: Scripted, fault: OSError) -> None:
    """Read or written: not a byte more, no `close_notify`, and the protocol hears why."""
    _, sock, loop, told = scripted(reads=[fault])
    loop.readers[sock.fileno()]()
    loop.turn()
    assert told == [("lost", fault)]
    assert sock.ended == ["close"]
    transport, sock, loop, told = scripted(sends=[ssl.SSLWantWriteError(), fault])
    transport.write(b"x")
    loop.writers[sock.fileno()]()
    loop.turn()
    assert told == ["pause", ("lost", fault)]
    assert sock.ended == ["close"]
    assert not loop.writers


def test_the_end_of_tls_is_said(scripted: Scripted) -> None:
    """Once: when nothing more is written, or when the socket is closed."""
    transport, sock, loop, told = scripted()
    transport.write_eof()
    assert sock.ended == ["unwrap", "shutdown"]
    transport.close()
    loop.turn()
    assert sock.ended == ["unwrap", "shutdown", "close"]
    assert told == [("lost", None)]
    transport, sock, loop, told = scripted()
    transport.close()
    loop.turn()
    assert sock.ended == ["unwrap", "close"]


def test_a_protocol_that_raises_over_tls(scripted: Scripted) -> None:
    """As without."""
    _, sock, loop, told = scripted(Told(fails=True), reads=[b"x"])
    loop.readers[sock.fileno()]()
    loop.turn()
    assert isinstance(loop.faults[0]["exception"], RuntimeError)
    assert told == [("lost", None)]
