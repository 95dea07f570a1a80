"""Histories: JSON lines that each node, client and fault injector writes.

All processes run on one machine and record times of CLOCK_BOOTTIME, the clock of the lease. A line is one
`write()`, so that a process that is killed leaves at most its last line incomplete.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self, get_args

import msgspec

__all__ = [
    "WAYS",
    "Appended",
    "Changed",
    "Event",
    "Fault",
    "Gone",
    "Held",
    "Logged",
    "Reloaded",
    "Revoked",
    "Saw",
    "Sent",
    "Stored",
    "Took",
    "Verified",
    "Way",
    "Writer",
    "clock",
    "read",
    "read_folder",
    "server_of",
]

Outcome = Literal["done", "refused", "in doubt"]
Way = Literal["python", "http", "cli"]
WAYS: tuple[Way, ...] = get_args(Way)
_EPOCH_PARTS = 3


def clock() -> float:
    """Return seconds of the clock that all histories use."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def server_of(epoch: str) -> str:
    """Return the timeline and the server of an epoch on PostgreSQL; another epoch as it is."""
    parts = epoch.split(".")
    return ".".join(parts[1:]) if len(parts) == _EPOCH_PARTS else epoch


class _Recorded(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    at: float
    by: str


class Revoked(_Recorded, frozen=True, kw_only=True, tag="revoked"):
    """The end of a call that revokes `target`. `at` is the time of the acknowledgement.

    `kind` is one of `tests.chaos.revocations.KINDS`, and `way` the interface that was called. `entry` is the
    target of the entry in the log, if it is another.
    """

    target: str
    asked: float
    outcome: Outcome
    epoch: str = ""
    wait: Literal["log", "cluster"] = "log"
    kind: str = ""
    entry: str = ""
    way: Way = "python"


class Sent(_Recorded, frozen=True, kw_only=True, tag="sent"):
    """A check-and-send block: the node found its lease fresh and the recipient not revoked."""

    targets: tuple[str, ...]
    """What could have been revoked to prevent it."""
    epoch: str = ""


class Held(_Recorded, frozen=True, kw_only=True, tag="held"):
    """A message to an open connection that waits, because the lease of the node has lapsed."""

    targets: tuple[str, ...]
    epoch: str = ""


class Gone(_Recorded, frozen=True, kw_only=True, tag="gone"):
    """A connection has ended without a revocation; without the name of one: all of a node that is killed."""

    connection: str = ""


class Took(_Recorded, frozen=True, kw_only=True, tag="took"):
    """The redemption of a value for a single use."""

    value: str
    outcome: Outcome
    epoch: str = ""


class Changed(_Recorded, frozen=True, kw_only=True, tag="changed"):
    """The end of a call that gives a principal its roles. One client at a time changes a principal."""

    principal: str
    version: int
    asked: float
    outcome: Outcome
    epoch: str = ""


class Saw(_Recorded, frozen=True, kw_only=True, tag="saw"):
    """A decision by roles of a version, on a connection."""

    principal: str
    version: int
    connection: str
    epoch: str = ""


class Appended(_Recorded, frozen=True, kw_only=True, tag="appended"):
    """The end of a call that appends an entry to the trail."""

    entry: str
    outcome: Outcome
    epoch: str = ""


class Fault(_Recorded, frozen=True, kw_only=True, tag="fault"):
    """The begin or the end of a fault."""

    kind: str
    phase: Literal["begin", "end"]


class Reloaded(_Recorded, frozen=True, kw_only=True, tag="reloaded"):
    """A node follows another epoch of the log."""

    epoch: str


class Logged(_Recorded, frozen=True, kw_only=True, tag="logged"):
    """An entry of the log of revocations, as it is at the end."""

    seq: int
    target: str
    epoch: str = ""


class Stored(_Recorded, frozen=True, kw_only=True, tag="stored"):
    """An entry of the trail that a client appended, as it is at the end."""

    entry: str


class Verified(_Recorded, frozen=True, kw_only=True, tag="verified"):
    """The result of `verify_trail` at the end: all hashes, the ends of the chains, and the root chain."""

    entries: int
    chains: int
    faults: tuple[str, ...] = ()


Event = (
    Revoked
    | Sent
    | Held
    | Gone
    | Took
    | Changed
    | Saw
    | Appended
    | Fault
    | Reloaded
    | Logged
    | Stored
    | Verified
)

_decoder = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


class Writer:
    """Appends events to a file."""

    def __init__(self, path: Path, by: str) -> None:
        self.by = by
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: Event) -> None:
        """Append an event; it is safe from the death of this process when this returns."""
        os.write(self._file, _encode(event) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read(paths: Iterable[Path]) -> list[Event]:
    """Return the events of all files, in the order of their times.

    Raises:
        msgspec.DecodeError: A line other than the last of a file is no event.
    """
    found: list[Event] = []
    for path in paths:
        *lines, last = path.read_bytes().split(b"\n")
        found.extend(map(_decoder.decode, lines))
        if last.endswith(b"}"):
            found.append(_decoder.decode(last))
    return sorted(found, key=lambda event: event.at)


def read_folder(folder: Path) -> list[Event]:
    """Return the events of all histories in a folder, as `read`."""
    return read(folder.glob("*.jsonl"))
