"""Connect to one listener and to no other one, by its number and not by the text of its address.

Another listener may shadow the address of a TCP listener: with `SO_REUSEPORT`, or one for a single address
and one for all. The connections of a listener have its options. So the option of the listener is changed
while the connection is made, and read at the other end of the connection.

The path of a Unix socket is that at the time of `bind`, in the folder and below the root of its process. So
the file of the socket is opened, and the connection goes to this file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import stat
from collections.abc import Container, Iterator
from pathlib import Path

from stormdoor.run.hold import copy_of, count_no_hops
from stormdoor.run.processes import ListeningSocket, listening
from stormdoor.run.sockets import arrival_of

__all__ = ["connect", "open_file"]

_MULTICAST_ALL = 49
"""An option that no TCP connection uses. All have it, if the program has not changed it."""
_CONNECTED_SECONDS = 0.02
_FILE_OF_SOCKET = 0x89E0

_Target = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


def connect(
    listener: ListeningSocket, attempt: int, file: int | None, guarded: Container[int]
) -> socket.socket:
    """Return a connection to `listener`, which does not wait. It may not be accepted yet.

    Args:
        listener: The listener.
        attempt: The number of the attempt: each one takes another way, if there are several.
        file: The descriptor of the file of a Unix socket, from `open_file`.
        guarded: The inodes of guarded listeners. Where the kernel does not tell which listener has got a
            connection, none of them may have the same port.

    Raises:
        OSError: It cannot be reached in this way, or another listener has got the connection.
    """
    match listener.name:
        case (str(host), int(port)):
            return _connect_tcp(listener, _target(host, port, listener.interface, attempt), guarded)
        case bytes(path):
            return _connect_unix(listener, path if file is None else f"/proc/self/fd/{file}")
    raise OSError("it is no TCP or Unix socket of this network")


def open_file(listener: ListeningSocket) -> int:
    """Return a descriptor of the file of a Unix socket, which may be renamed or deleted meanwhile.

    Raises:
        OSError: It is not found.
    """
    for one in _copies(listener):
        with contextlib.suppress(OSError):
            # Administrators get it from the kernel, also if it was moved or deleted.
            return fcntl.ioctl(one, _FILE_OF_SOCKET)
    for path in _paths(listener):
        with contextlib.suppress(OSError, ValueError):
            file = os.open(path, os.O_PATH | os.O_NOFOLLOW)
            found = os.fstat(file)
            if stat.S_ISSOCK(found.st_mode) and listener.file in (0, found.st_ino & 0xFFFFFFFF):
                return file
            os.close(file)
    raise OSError("its file is not found")


def _paths(listener: ListeningSocket) -> Iterator[bytes]:
    """Yield the paths that the file of a Unix socket may have."""
    name = listener.name
    if not isinstance(name, bytes):
        return
    start = "root" if name.startswith(b"/") else "cwd"
    for process in (*sorted(listener.pids), "self"):
        path = f"/proc/{process}/{start}/".encode() + name
        yield path
        with contextlib.suppress(OSError):  # renamed
            for one in Path(os.fsdecode(path)).parent.iterdir():
                if one.lstat().st_ino & 0xFFFFFFFF == listener.file:
                    yield bytes(one)


def _connect_unix(listener: ListeningSocket, target: bytes | str) -> socket.socket:
    if listener.is_foreign and isinstance(target, bytes):
        raise OSError("it is in another network namespace")
    connection = socket.socket(socket.AF_UNIX, listener.kind)
    connection.setblocking(False)
    try:
        connection.connect(target)
        if os.fsencode(connection.getpeername()) != listener.name:
            raise OSError("another listener has its path")
    except OSError as error:
        connection.close()
        if isinstance(error, BlockingIOError):
            raise TimeoutError("too many clients wait for it") from None
        raise
    return connection


def _connect_tcp(
    listener: ListeningSocket, target: _Target, guarded: Container[int]
) -> socket.socket:
    if listener.is_foreign:
        raise OSError("it is in another network namespace")
    family, address = target
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        count_no_hops(connection)
        with _marked(listener) as mark:
            with contextlib.suppress(BlockingIOError):
                connection.connect(address)
            select.select([], [connection], [], _CONNECTED_SECONDS)
            try:
                connection.getpeername()
            except OSError:
                error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                raise (
                    OSError(error, os.strerror(error))
                    if error
                    else TimeoutError("it takes no connection")
                ) from None
            arrived = arrival_of(connection).multicast_all
        if mark is None or arrived is None:
            if _shares_port(listener, guarded):
                raise OSError(
                    "a guarded listener has its port, and the kernel does not tell them apart"
                )
        elif arrived != mark:
            raise OSError("another listener has its address")
    except OSError:
        connection.close()
        raise
    return connection


def _target(host: str, port: int, interface: int, attempt: int) -> _Target:
    """Return an address that leads to a TCP listener, if no other one has it."""
    of_this_machine = (socket.AF_INET, (f"127.0.{attempt % 256}.1", port))
    if host == "0.0.0.0":  # noqa: S104 - read, not bound
        return of_this_machine
    if host == "::":
        own = [(socket.AF_INET6, (one, port, 0, number)) for one, number in _own_addresses()]
        ways: list[_Target] = [*own, of_this_machine]
        return ways[attempt % len(ways)]
    if ":" in host:
        return socket.AF_INET6, (host, port, 0, interface)
    return socket.AF_INET, (host, port)


def _own_addresses() -> Iterator[tuple[str, int]]:
    """Yield the IPv6 addresses of this machine with the numbers of their interfaces, loopback first."""
    try:
        lines = Path("/proc/self/net/if_inet6").read_text("ascii").splitlines()
    except OSError:
        return
    found = [(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(one[:32])), one) for one in lines]
    for address, line in sorted(found, key=lambda one: one[0] != "::1"):
        yield address, int(line.split()[1], 16)


@contextlib.contextmanager
def _marked(listener: ListeningSocket) -> Iterator[bool | None]:
    """Change an option of a listener for a moment, and yield its value; None if it cannot be changed."""
    for one in _copies(listener):
        try:
            before = one.getsockopt(socket.IPPROTO_IP, _MULTICAST_ALL)
            one.setsockopt(socket.IPPROTO_IP, _MULTICAST_ALL, 1 - before)
        except OSError:  # MPTCP has no such option
            continue
        try:
            yield not before
        finally:
            one.setsockopt(socket.IPPROTO_IP, _MULTICAST_ALL, before)
        return
    yield None


def _copies(listener: ListeningSocket) -> Iterator[socket.socket]:
    """Yield duplicates of a listener, if the kernel allows them."""
    for pid, descriptor in listener.descriptors:
        try:
            one = copy_of(pid, descriptor)
        except OSError:  # it was closed, or the kernel forbids it
            continue
        with one:
            if os.fstat(one.fileno()).st_ino == listener.inode:
                yield one


def _shares_port(listener: ListeningSocket, guarded: Container[int]) -> bool:
    """Return whether a guarded listener has the same port."""
    return isinstance(listener.name, tuple) and any(
        inode in guarded and isinstance(one.name, tuple) and one.name[1] == listener.name[1]
        for inode, one in listening().items()
    )
