"""The processes of a program and their listening sockets, as Linux shows them in `/proc`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stormdoor.run.sockets import listening_tcp

__all__ = [
    "ListeningSocket",
    "command_of",
    "descendants",
    "has_variable",
    "inodes",
    "is_open",
    "listeners",
    "process_of",
    "program_of",
]

_PROC = Path("/proc")
_LISTEN = "0A"
_ACCEPTS = 0x10000


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A listening socket.

    Attributes:
        inode: Its number; all processes that share the socket have the same one.
        address: `127.0.0.1:8888`, or `unix:/path`.
        target: The address to connect to: host and port, or a path with a NUL in front if it is abstract.
        descriptors: The processes that have it open, with their descriptors.
    """

    inode: int
    address: str
    target: tuple[str, int] | str
    descriptors: tuple[tuple[int, int], ...] = ()

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


def listeners(pids: Iterable[int]) -> list[ListeningSocket]:
    """Return the listening TCP and Unix sockets that `pids` have open, in the network of this process."""
    holders: dict[int, list[tuple[int, int]]] = {}
    for pid in sorted(pids):
        folder = _PROC / str(pid) / "fd"
        for name in _names(folder):
            try:
                target = str((folder / name).readlink())
            except OSError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                holders.setdefault(int(target[8:-1]), []).append((pid, int(name)))
    found = []
    for inode, (address, where) in _listening().items():
        if inode in holders:
            found.append(ListeningSocket(inode, address, where, tuple(holders[inode])))
    return found


def inodes() -> frozenset[int]:
    """Return the inodes of all listening sockets in the network of this process."""
    return frozenset(_listening())


def _listening() -> dict[int, tuple[str, tuple[str, int] | str]]:
    found: dict[int, tuple[str, tuple[str, int] | str]] = {}
    try:
        over_tcp = listening_tcp()
    except OSError:
        over_tcp = _listening_tcp()
    for inode, (host, port) in over_tcp.items():
        shown = f"[{host}]" if ":" in host else host
        found[inode] = f"{shown}:{port}", (_reachable(host), port)
    for line in _text(_PROC / "self" / "net" / "unix").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS and int(fields[4], 16) == 1:
            path = fields[7]
            target = "\0" + path[1:] if path.startswith("@") else path
            found[int(fields[6])] = f"unix:{path}", target
    return found


def _listening_tcp() -> dict[int, tuple[str, int]]:
    """Return the same as `listening_tcp` from `/proc`, which each Linux has."""
    found: dict[int, tuple[str, int]] = {}
    for name in ("tcp", "tcp6"):
        for line in _text(_PROC / "self" / "net" / name).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN:
                found[int(fields[9])] = _tcp_address(fields[1])
    return found


def _tcp_address(text: str) -> tuple[str, int]:
    """Read an address of `/proc/net/tcp`: words of four bytes in the order of the machine."""
    raw, _, port = text.partition(":")
    words = [raw[at : at + 8] for at in range(0, len(raw), 8)]
    packed = b"".join(
        bytes.fromhex(one)[:: -1 if sys.byteorder == "little" else 1] for one in words
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound


def _names(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError:  # the process has ended, or belongs to another user
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
