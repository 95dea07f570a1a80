"""Find the credentials of a request, before they are verified."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from stormdoor.core.handshake import Handshake
from stormdoor.core.value import value

__all__ = [
    "BEARER",
    "BEARER_SUBPROTOCOL",
    "CLIENT_CERTIFICATE",
    "FIRST_MESSAGE",
    "SUBPROTOCOL",
    "TICKET_SUBPROTOCOL",
    "Credential",
    "Place",
    "Source",
    "fingerprint",
    "mtls_proof",
    "presented",
    "thumbprint",
]

SUBPROTOCOL = "stormdoor.v1"
"""The subprotocol that the server answers. It carries no secret."""

BEARER_SUBPROTOCOL = "stormdoor.bearer."
TICKET_SUBPROTOCOL = "stormdoor.ticket."

MAX_SECRET = 8192
"""Characters; a longer credential is refused before anything reads it."""


class Source(Enum):
    """Part of the handshake in which a credential was found."""

    __hash__ = object.__hash__  # each is one object: no need to hash its name at each use

    AUTHORIZATION = "authorization"
    HEADER = "header"
    SUBPROTOCOL = "subprotocol"
    COOKIE = "cookie"
    QUERY = "query"
    CERTIFICATE = "certificate"
    MESSAGE = "message"


_AMBIENT = frozenset({Source.COOKIE, Source.CERTIFICATE})
_IN_MESSAGES = frozenset({Source.MESSAGE, Source.SUBPROTOCOL})


@dataclass(frozen=True, slots=True, init=False)
class Place:
    """A place that an authenticator reads.

    Attributes:
        source: The part of the handshake.
        name: Lower-case scheme (`bearer`), header, subprotocol prefix, cookie or query argument.
        ambient: True if a browser attaches the credential to each request, even to one by a hostile page:
            an Origin is then required. By default true of cookies and certificates. A header that a proxy
            adds by itself is ambient, too.
    """

    source: Source
    name: str
    ambient: bool

    def __init__(self, source: Source, name: str, ambient: bool | None = None) -> None:  # noqa: FBT001
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "ambient", source in _AMBIENT if ambient is None else ambient)

    @property
    def in_messages(self) -> bool:
        """True if a message can carry the credential: as a token, or as the offer of a subprotocol."""
        return self.source in _IN_MESSAGES or self == BEARER


BEARER = Place(Source.AUTHORIZATION, "bearer")
"""`Authorization: Bearer` (RFC 6750 §2.1)."""

CLIENT_CERTIFICATE = Place(Source.CERTIFICATE, "client")
"""The client certificate, from TLS or from an authenticated proxy; its secret is the DER in base64."""

FIRST_MESSAGE = Place(Source.MESSAGE, "first")
"""The first message. No handshake has a credential there."""


@value
@dataclass(frozen=True, slots=True)
class Credential:
    """An unverified credential. Its secret is not in its repr."""

    place: Place
    secret: str = field(repr=False)

    @property
    def ambient(self) -> bool:
        """True if a browser attaches it to each request, even to one by a hostile page."""
        return self.place.ambient

    @property
    def may_accompany(self) -> bool:
        """True if it may accompany an explicit credential that is bound to it.

        A client certificate always may, because a token can be bound to it (RFC 8705).
        """
        return self.place.ambient or self.place.source is Source.CERTIFICATE


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a random secret in hex, for storage and look-up (256 bits need no stretching)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def thumbprint(certificate: bytes) -> str:
    """Return `x5t#S256` of a DER certificate: its SHA-256 in base64url without padding (RFC 8705 §3.1)."""
    digest = hashlib.sha256(certificate).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def mtls_proof(certificate: bytes) -> str:
    """Return the entry of `Authentication.proofs` for possession of this certificate's key."""
    return f"mtls:{thumbprint(certificate)}"


_CARRIED_BY = {
    Source.AUTHORIZATION: "authorization",
    Source.HEADER: "headers",
    Source.SUBPROTOCOL: "subprotocols",
    Source.COOKIE: "cookies",
    Source.QUERY: "query",
    Source.CERTIFICATE: "certificate",
    Source.MESSAGE: "path",  # irrelevant: no credential is found there
}
"""By `Source`, the attribute of `Handshake` that contains such credentials."""


def _certificate(handshake: Handshake) -> list[str]:
    certificate = handshake.certificate
    return [] if certificate is None else [base64.b64encode(certificate).decode("ascii")]


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
        case Source.CERTIFICATE:
            yield from _certificate(handshake)
        case Source.MESSAGE:
            return
        case _:
            assert_never(place.source)


def presented(handshake: Handshake, places: Iterable[Place]) -> list[Credential]:
    """Return every credential of `handshake` in one of `places`.

    A header that is sent twice counts as two credentials: the guard refuses the handshake instead of choosing
    one.
    """
    if not (
        handshake.authorization
        or handshake.cookies
        or handshake.subprotocols
        or handshake.headers
        or handshake.query
        or handshake.certificate is not None
    ):
        return []
    found = []
    for place in places:
        # Most handshakes have one kind of credential, and most places are empty.
        if getattr(handshake, _CARRIED_BY[place.source]):
            found += [Credential(place, secret) for secret in _in_place(handshake, place)]
    return found
