"""Filters of the trail, and pages of the entries that they find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypedDict

import msgspec

from stormdoor.core.event import Entry

__all__ = ["READ", "Cursor", "Filters", "TrailFilter", "TrailPage", "part_of"]

READ = 2_500
"""Greatest number of entries that one page reads for a filter that no index serves."""

_json = msgspec.json.Encoder().encode
_BODY = ("cause", "endpoint", "name", "node")
_PERSONAL = ("address", "ref", "tenant")


class Cursor(NamedTuple):
    """The last entry that a page has looked at; the next page begins behind it.

    Attributes:
        number: Its number; its `seq` in a page of one chain.
        time: Its time, in Unix seconds.
    """

    number: int
    time: float

    def __str__(self) -> str:
        return f"{self.number}/{self.time!r}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the cursor that `str` has written.

        Raises:
            ValueError: The text is not a cursor.
        """
        number, _, seconds = text.partition("/")
        cursor = cls(int(number), float(seconds))
        if not (0 <= cursor.number < 2**63 and math.isfinite(cursor.time)):
            raise ValueError(f"{text!r} is not a cursor")
        return cursor


class TrailPage(list[Entry]):
    """The entries of one page.

    Attributes:
        cursor: How far the page looked, if there may be more entries; None if it looked at all.
    """

    def __init__(self, entries: Sequence[Entry] = (), cursor: Cursor | None = None) -> None:
        super().__init__(entries)
        self.cursor = cursor


class Filters(TypedDict, total=False):
    """The keyword arguments of a filter: see `TrailFilter`."""

    principal: str | None
    tenant: str | None
    event: str | None
    cause: str | None
    address: str | None
    endpoint: str | None
    node: str | None
    ref: str | None
    since: float | None
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFilter:
    """A condition for entries of the trail. A field that is None does not count; an empty text finds none.

    Attributes:
        principal: The principal that the entry is about: as its subject or its actor.
        tenant: The recorded tenant.
        event: The name of the event.
        cause: The cause of a refusal.
        address: The address of the client, as it is stored.
        endpoint: The path of the endpoint, or the name of the command.
        node: The node that wrote the entry.
        ref: The reference of a refusal.
        since: Unix seconds; not earlier.
        until: Unix seconds; earlier.

    Raises:
        ValueError: A time is NaN.
    """

    principal: str | None = None
    tenant: str | None = None
    event: str | None = None
    cause: str | None = None
    address: str | None = None
    endpoint: str | None = None
    node: str | None = None
    ref: str | None = None
    since: float | None = None
    until: float | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            if (at := getattr(self, name)) is not None and math.isnan(at):
                raise ValueError(f"{name}: NaN is no time; give Unix seconds")

    @property
    def is_timed(self) -> bool:
        """Return whether the filter names a time."""
        return self.since is not None or self.until is not None

    @property
    def body(self) -> list[bytes]:
        """The parts that the public JSON of an entry must contain.

        INVARIANT: a text contains such a part only as its field. The sealed JSON is canonical, and quotation
        marks within a text are escaped.
        """
        return [
            part_of(name, value)
            for name in _BODY
            if (value := self.event if name == "name" else getattr(self, name)) is not None
        ]

    @property
    def personal(self) -> list[bytes]:
        """The parts that the personal JSON of an entry must contain, as `body`."""
        return [
            part_of(name, value) for name in _PERSONAL if (value := getattr(self, name)) is not None
        ]

    def includes(self, time: float) -> bool:
        """Return whether a time, in Unix seconds, is within the filter."""
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )


def part_of(name: str, value: str) -> bytes:
    """Return a field as the canonical JSON of an entry writes it."""
    readable = value.encode("utf-8", "backslashreplace").decode()
    return b'"%b":%b' % (name.encode(), _json(readable))
