"""File descriptors: how many connections fit into the limit of this process."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path

__all__ = ["RESERVED", "descriptors_for"]

RESERVED = 64
"""File descriptors for the store, the log, accepted sockets and the application."""


def descriptors_for(wanted: int) -> int:
    """Raise the soft limit (RLIMIT_NOFILE) as far as needed and permitted.

    Args:
        wanted: Number of connections that should fit.

    Returns:
        Number of connections that fit beside the open files and `RESERVED`; `wanted` at most.
    """
    try:
        resource = import_module("resource")
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = _open_now() + RESERVED
    if soft != resource.RLIM_INFINITY and soft < taken + wanted:
        highest = taken + wanted if hard == resource.RLIM_INFINITY else min(hard, taken + wanted)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(0, min(wanted, soft - taken))


def _open_now() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sum(1 for _ in Path(folder).iterdir())
    return RESERVED
