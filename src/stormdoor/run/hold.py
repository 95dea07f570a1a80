"""Duplicate a socket of another process, and let no client reach a TCP listener until it is known."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterable

__all__ = ["copy_of", "count_no_hops", "hold", "is_tcp", "release"]

_PIDFD_GETFD = 438
_IP_MINTTL, _IPV6_MINHOPCOUNT = 21, 73
_HIGHEST = 255

_libc = ctypes.CDLL(None, use_errno=True)


def copy_of(pid: int, descriptor: int) -> socket.socket:
    """Return a duplicate of a socket of another process.

    It must be closed at once: as long as it is open, the other process cannot free its port.

    Raises:
        OSError: The process has ended, the descriptor is no socket, or the kernel forbids it.
    """
    process = os.pidfd_open(pid)
    try:
        copy = int(_libc.syscall(_PIDFD_GETFD, process, descriptor, 0))
    finally:
        os.close(process)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def is_tcp(one: socket.socket) -> bool:
    """Return whether a socket is one of TCP, or of MPTCP."""
    return one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM


def hold(listener: socket.socket) -> None:
    """Let the kernel drop each packet for a listener that may have passed a router (RFC 5082).

    Packets of a usual client begin with 64 or 128 hops. It sends its first packet again after a second, and
    connects then if the listener is released.

    Raises:
        OSError: The kernel cannot do so.
    """
    _accept_hops(listener, _HIGHEST)


def count_no_hops(client: socket.socket) -> None:
    """Let a client of this machine reach a listener that is held."""
    if client.family == socket.AF_INET:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _HIGHEST)
    elif client.family == socket.AF_INET6:
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _HIGHEST)


def release(descriptors: Iterable[tuple[int, int]]) -> None:
    """Let all clients reach a listener again.

    Args:
        descriptors: The processes that have it open, with their descriptors.
    """
    for pid, descriptor in descriptors:
        # Closed meanwhile: the next one has it, or none.
        with contextlib.suppress(OSError), copy_of(pid, descriptor) as listener:
            if is_tcp(listener):
                _accept_hops(listener, 0)
                return


def _accept_hops(listener: socket.socket, least: int) -> None:
    # A listener of IPv6 may accept connections over IPv4, too.
    listener.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, least)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, _IPV6_MINHOPCOUNT, least)
