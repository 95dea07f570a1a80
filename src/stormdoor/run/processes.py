"""The processes of a program and their listening sockets, as Linux shows them in `/proc`."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stormdoor.run.hold import copy_of
from stormdoor.run.sockets import UnixSocket, listening_tcp, listening_unix

__all__ = [
    "ListeningSocket",
    "address_of",
    "command_of",
    "descendants",
    "has_variable",
    "is_open",
    "listeners",
    "listening",
    "process_of",
    "program_of",
]

_PROC = Path("/proc")
_LISTEN = "0A"
_UNIX_LINE = re.compile(
    rb"[0-9a-f]+: [0-9A-F]{8} 0{8} 00010000 (000[15]) 01 +(\d+) (.*)"  # a flag: it listens
)


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A listening socket.

    Attributes:
        inode: Its number; all processes that share the socket have the same one.
        address: `127.0.0.1:8888`, or `unix:/path`.
        name: The name that it was bound to: host and port, or a path, which begins with NUL if it is
            abstract; None if it is no TCP or Unix socket that the kernel lists.
        descriptors: The processes that have it open, with their descriptors.
        kind: `SOCK_STREAM` or `SOCK_SEQPACKET`.
        interface: The number of the network interface that it is bound to, or 0.
        file: The inode of the file of a Unix socket; 0 if unknown.
        is_foreign: Whether it is in another network namespace.
    """

    inode: int
    address: str
    name: tuple[str, int] | bytes | None
    descriptors: tuple[tuple[int, int], ...] = ()
    kind: int = socket.SOCK_STREAM
    interface: int = 0
    file: int = 0
    is_foreign: bool = False

    @property
    def pids(self) -> frozenset[int]:
        """The processes that have it open."""
        return frozenset(pid for pid, _ in self.descriptors)


def descendants(pid: int) -> set[int]:
    """Return the processes below `pid`, without itself. As a subreaper it also has their orphans."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        for task in _names(_PROC / str(one) / "task"):
            text = _text(_PROC / str(one) / "task" / task / "children")
            for child in map(int, text.split()):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process, shortened."""
    words = _text(_PROC / str(pid) / "cmdline").replace("\0", " ").strip()
    return f"process {pid} ({words[:120] or 'it has ended'})"


def process_of(thread: int) -> int:
    """Return the process of a thread; the thread itself if it has ended."""
    status = _text(_PROC / str(thread) / "status").splitlines()
    return next((int(one[5:]) for one in status if one.startswith("Tgid:")), thread)


def program_of(pid: int) -> bytes:
    """Return a mark of the program that a process runs; its forks have the same one.

    It is the auxiliary vector, with addresses that the kernel chooses anew at each `execve`.
    """
    try:
        return (_PROC / str(pid) / "auxv").read_bytes()
    except OSError:  # it has ended, or belongs to another user
        return b""


def is_open(pid: int, descriptor: int, inode: int) -> bool:
    """Return whether a process has a socket open now."""
    try:
        return (_PROC / str(pid) / "fd" / str(descriptor)).readlink().name == f"socket:[{inode}]"
    except OSError:
        return False


def has_variable(pid: int, name: str) -> bool:
    """Return whether a program was started with an environment variable."""
    try:
        found = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return any(one.startswith(f"{name}=".encode()) for one in found.split(b"\0"))


def listeners(pids: Iterable[int], called: Mapping[int, str]) -> list[ListeningSocket]:
    """Return the listening sockets that `pids` have open, also those of other networks.

    Args:
        pids: The processes.
        called: The addresses of sockets that have called `listen`, by their inodes: the kernel lists no
            sockets of some families, and none of a network that no process is in.
    """
    holders: dict[int, list[tuple[int, int]]] = {}
    networks = {_network("self"): "self"}
    for pid in sorted(pids):
        networks.setdefault(_network(pid), str(pid))
        folder = _PROC / str(pid) / "fd"
        for name in _names(folder):
            try:
                target = str((folder / name).readlink())
            except OSError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                holders.setdefault(int(target[8:-1]), []).append((pid, int(name)))
    listed: dict[int, ListeningSocket] = {}
    for member in networks.values():
        found = listening() if member == "self" else _listening_in(member)
        listed = {**found, **listed}
    for inode, address in called.items():
        if inode not in listed and _accepts(holders.get(inode, ())):
            listed[inode] = ListeningSocket(inode, address, None)
    return [
        replace(one, descriptors=tuple(holders[inode]))
        for inode, one in listed.items()
        if inode in holders
    ]


def listening() -> dict[int, ListeningSocket]:
    """Return the listening sockets of this network by their inodes, without the processes that have them."""
    try:
        tcp, unix = listening_tcp(), listening_unix()
    except OSError:
        return _listening_in("self")
    found = {inode: _tcp(inode, *one) for inode, one in tcp.items()}
    return found | {inode: _unix(inode, one) for inode, one in unix.items()}


def address_of(one: socket.socket) -> str:
    """Return the address of a socket as the operator sees it."""
    name = one.getsockname()
    if one.family in (socket.AF_INET, socket.AF_INET6):
        return _tcp(0, *name[:2]).address
    if one.family == socket.AF_UNIX:
        return _unix(0, UnixSocket(one.type, os.fsencode(name))).address
    return ":".join(map(str, (one.family.name, *(name if isinstance(name, tuple) else [name]))))


def _accepts(descriptors: Iterable[tuple[int, int]]) -> bool:
    for pid, descriptor in descriptors:
        try:
            with copy_of(pid, descriptor) as one:
                return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        except OSError:  # closed meanwhile
            continue
    return False


def _network(pid: int | str) -> str:
    """Return the network namespace of a process, as far as it can be read."""
    try:
        return str((_PROC / str(pid) / "ns" / "net").readlink())
    except OSError:  # it has ended, or belongs to another user
        return ""


def _listening_in(pid: str) -> dict[int, ListeningSocket]:
    """Return the same from `/proc`, which each Linux has, for the network that a process is in."""
    found: dict[int, ListeningSocket] = {}
    folder = _PROC / pid / "net"
    for name in ("tcp", "tcp6"):
        for line in _text(folder / name).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN:
                inode = int(fields[9])
                found[inode] = _tcp(inode, *_tcp_address(fields[1]))
    # A path with a line end continues in a line of its own, which may have the form of another entry.
    for entry in filter(None, map(_UNIX_LINE.fullmatch, _bytes(folder / "unix").split(b"\n"))):
        kind, number, path = entry.groups()
        bound = b"\0" + path[1:] if path.startswith(b"@") else path
        found.setdefault(int(number), _unix(int(number), UnixSocket(int(kind), bound)))
    if pid == "self":
        return found
    return {inode: replace(one, is_foreign=True) for inode, one in found.items()}


def _tcp(inode: int, host: str, port: int, interface: int = 0) -> ListeningSocket:
    shown = f"[{host}]" if ":" in host else host
    return ListeningSocket(inode, f"{shown}:{port}", (host, port), interface=interface)


def _unix(inode: int, one: UnixSocket) -> ListeningSocket:
    shown = b"@" + one.name[1:] if one.name.startswith(b"\0") else one.name
    address = f"unix:{os.fsdecode(shown)}"
    return ListeningSocket(inode, address, one.name, kind=one.kind, file=one.file)


def _tcp_address(text: str) -> tuple[str, int]:
    """Read an address of `/proc/net/tcp`: words of four bytes in the order of the machine."""
    raw, _, port = text.partition(":")
    words = [raw[at : at + 8] for at in range(0, len(raw), 8)]
    packed = b"".join(
        bytes.fromhex(one)[:: -1 if sys.byteorder == "little" else 1] for one in words
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def _names(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError:  # the process has ended, or belongs to another user
        return []


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", errors="replace")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
