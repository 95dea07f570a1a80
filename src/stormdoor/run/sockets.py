"""The sockets of this machine, as the kernel tells by `sock_diag(7)`: faster than `/proc/net`, and exact."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "Arrival",
    "UnixSocket",
    "arrival_of",
    "listening_tcp",
    "listening_unix",
    "unix_socket",
]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST, _DUMP = 0x1, 0x300
_DONE, _ERROR = 3, 2
_LISTEN, _ANY_STATE = 1 << 10, 0xFFF
_WAITING = (1, 3, 12)
"""States of a connection that has not been accepted: established, or its handshake goes on."""
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBxI")
_UNIX_QUESTION = struct.Struct("=BBxxIIIII")
_ANY_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_ADDRESS_AT, _PORT_AT, _INTERFACE_AT, _INODE_AT, _FACTS_AT = 8, 4, 40, 68, 72
_SOCKOPT, _MULTICAST_ALL = 22, 1 << 6
_UNIX_FACTS_AT = 16
_UNIX_NAME, _UNIX_FILE, _UNIX_PEER, _UNIX_SHUTDOWN = 0, 1, 2, 6
_UNIX_SHOWN = 0b111
"""Name, file and peer."""
_LONGEST = 1 << 18


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A Unix socket.

    Attributes:
        kind: `SOCK_STREAM` or `SOCK_SEQPACKET`.
        name: The name that it was bound to; it begins with NUL if it is abstract.
        file: The inode of its file; 0 if it is abstract, or unknown.
    """

    kind: int
    name: bytes
    file: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """The state of a connection at the other end of it, on this machine.

    Attributes:
        accepted: Whether a server has accepted it, as far as the kernel tells.
        multicast_all: The option `IP_MULTICAST_ALL` of the other end, which has that of its listener; None
            if unknown.
    """

    accepted: bool
    multicast_all: bool | None = None


def listening_tcp() -> dict[int, tuple[str, int, int]]:
    """Return the listening TCP sockets in this network, by their inodes: host, port, bound interface or 0.

    Raises:
        OSError: The kernel does not answer such questions.
    """
    found: dict[int, tuple[str, int, int]] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for one in _ask(_QUESTION.pack(family, socket.IPPROTO_TCP, 0, _LISTEN) + bytes(48)):
            size = 4 if one[0] == socket.AF_INET else 16
            host = socket.inet_ntop(one[0], one[_ADDRESS_AT : _ADDRESS_AT + size])
            (port,) = struct.unpack_from(">H", one, _PORT_AT)
            (interface,) = struct.unpack_from("=I", one, _INTERFACE_AT)
            (inode,) = struct.unpack_from("=I", one, _INODE_AT)
            found[inode] = host, port, interface
    return found


def listening_unix() -> dict[int, UnixSocket]:
    """Return the listening Unix sockets in this network, by their inodes.

    Raises:
        OSError: The kernel does not answer such questions.
    """
    question = _UNIX_QUESTION.pack(socket.AF_UNIX, 0, _LISTEN, 0, _UNIX_SHOWN, 0, 0)
    return dict(map(_unix_socket, _ask(question)))


def unix_socket(inode: int) -> UnixSocket:
    """Return one Unix socket in this network.

    Raises:
        OSError: There is none, or the kernel does not answer.
    """
    return _unix_socket(_one_unix_socket(inode))[1]


def arrival_of(connection: socket.socket) -> Arrival:
    """Return the state of the other end of a connection to a server of this machine."""
    try:
        if connection.family == socket.AF_UNIX:
            facts = _facts(_one_unix_socket(os.fstat(connection.fileno()).st_ino), _UNIX_FACTS_AT)
            # Before `accept`, the server's end belongs to no file; nor does it after its end.
            return Arrival(any(facts.get(_UNIX_PEER, b"")) or any(facts[_UNIX_SHUTDOWN]))
        here, there = connection.getsockname(), connection.getpeername()
        ports = struct.pack(">HH", there[1], here[1])
        hosts = [
            socket.inet_pton(connection.family, one[0].partition("%")[0]).ljust(16, b"\0")
            for one in (there, here)
        ]
        asked = _QUESTION.pack(connection.family, socket.IPPROTO_TCP, 0, _ANY_STATE)
        found = list(_ask(b"".join([asked, ports, *hosts, _ANY_COOKIE]), dump=False))
    except OSError:
        return Arrival(accepted=True)
    if not found:
        return Arrival(accepted=True)
    (one,) = found
    options = _facts(one, _FACTS_AT).get(_SOCKOPT)
    waits = one[1] in _WAITING and struct.unpack_from("=I", one, _INODE_AT)[0] == 0
    return Arrival(not waits, bool(options[0] & _MULTICAST_ALL) if options else None)


def _one_unix_socket(inode: int) -> bytes:
    unknown = 0xFFFFFFFF
    question = _UNIX_QUESTION.pack(
        socket.AF_UNIX, 0, _ANY_STATE, inode, _UNIX_SHOWN, unknown, unknown
    )
    return next(_ask(question, dump=False))


def _unix_socket(one: bytes) -> tuple[int, UnixSocket]:
    (inode,) = struct.unpack_from("=I", one, 4)
    facts = _facts(one, _UNIX_FACTS_AT)
    file = struct.unpack_from("=I", facts[_UNIX_FILE])[0] if _UNIX_FILE in facts else 0
    name = facts.get(_UNIX_NAME, b"")
    return inode, UnixSocket(one[1], name if name.startswith(b"\0") else name.rstrip(b"\0"), file)


def _facts(one: bytes, at: int) -> dict[int, bytes]:
    """Return the attributes of an answer, from their place on, by their kinds."""
    found = {}
    while at + 4 <= len(one):
        length, kind = struct.unpack_from("=HH", one, at)
        if length < 4:
            break
        found[kind] = one[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _ask(question: bytes, *, dump: bool = True) -> Iterator[bytes]:
    """Yield the answers to a question, one for each socket."""
    flags = _REQUEST | (_DUMP if dump else 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        size = _HEADER.size + len(question)
        kernel.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, flags, 1, 0) + question)
        while True:
            received = kernel.recv(_LONGEST)
            at = 0
            while at < len(received):
                length, kind, *_ = _HEADER.unpack_from(received, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError("the kernel does not answer")
                yield received[at + _HEADER.size : at + length]
                at += (length + 3) & ~3
            if not dump:
                return
