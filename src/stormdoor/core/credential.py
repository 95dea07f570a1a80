"""What was presented, before anything is verified; and the one rule about how many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from stormdoor.core.handshake import Handshake

__all__ = [
    "BEARER_SUBPROTOCOL",
    "SUBPROTOCOL",
    "TICKET_SUBPROTOCOL",
    "Credential",
    "Place",
    "Source",
    "fingerprint",
    "presented",
]

SUBPROTOCOL = "stormdoor.v1"
"""The subprotocol that the server answers. It carries no secret."""

BEARER_SUBPROTOCOL = "stormdoor.bearer."
TICKET_SUBPROTOCOL = "stormdoor.ticket."

MAX_SECRET = 8192
"""Characters; a longer credential is refused before anything reads it."""


class Source(Enum):
    """Where in the handshake a credential was found: its provenance."""

    AUTHORIZATION = "authorization"
    HEADER = "header"
    SUBPROTOCOL = "subprotocol"
    COOKIE = "cookie"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Place:
    """A place where an authenticator looks.

    Attributes:
        source: The part of the handshake.
        name: Lower-case scheme (`bearer`), header, subprotocol prefix, cookie or query argument.
    """

    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """An unverified credential. Its secret is not in its repr."""

    place: Place
    secret: str = field(repr=False)

    @property
    def ambient(self) -> bool:
        """True if a browser attaches it to any request, also to one made by a hostile page."""
        return self.place.source is Source.COOKIE


def fingerprint(secret: str) -> str:
    """SHA-256 of a random secret in hex: what is stored and looked up (256 bits need no stretching)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _in_place(handshake: Handshake, place: Place) -> Iterable[str]:
    match place.source:
        case Source.AUTHORIZATION:
            for value in handshake.authorization:
                scheme, _, secret = value.partition(" ")
                if scheme.lower() == place.name:
                    yield secret.strip()
        case Source.HEADER:
            yield from handshake.headers.get(place.name, ())
        case Source.SUBPROTOCOL:
            for offered in handshake.subprotocols:
                if offered.startswith(place.name):
                    yield offered[len(place.name) :]
        case Source.COOKIE:
            yield from handshake.cookies.get(place.name, ())
        case Source.QUERY:
            yield from handshake.query.get(place.name, ())
        case _:
            assert_never(place.source)


def presented(handshake: Handshake, places: Iterable[Place]) -> list[Credential]:
    """Every credential that `handshake` carries in one of `places`.

    The same header sent twice is two credentials, so that nobody has to guess which one counts.
    """
    if not (
        handshake.authorization
        or handshake.cookies
        or handshake.subprotocols
        or handshake.headers
        or handshake.query
    ):
        return []
    return [Credential(place, secret) for place in places for secret in _in_place(handshake, place)]
