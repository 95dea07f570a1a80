"""Messages between client and guard on the socket: reserved commands and their answers.

They are decoded only if a message is none of the application's commands, so that other messages cost
nothing extra. The field is always called `type`, also if the application's commands use another name.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stormdoor.core.credential import MAX_SECRET
from stormdoor.core.message import Command, encode

__all__ = [
    "RESERVED",
    "Authenticate",
    "Prove",
    "Refresh",
    "encode_expiring",
    "encode_renewed",
    "read_authenticate",
    "read_in_band",
]

RESERVED = "stormdoor."
"""No command of an application may have a tag with this prefix."""

_Secret = Annotated[str, Meta(min_length=1, max_length=MAX_SECRET)]


class Authenticate(Command, tag="stormdoor.authenticate"):
    """The first message of a client that could not send a credential in its handshake."""

    token: _Secret

    def __repr__(self) -> str:
        return "Authenticate()"


class Refresh(Command, tag="stormdoor.refresh"):
    """A newer credential of the same principal."""

    token: _Secret

    def __repr__(self) -> str:
        return "Refresh()"


class Prove(Command, tag="stormdoor.prove"):
    """A second factor."""

    totp: Annotated[str, Meta(min_length=6, max_length=16, pattern=r"\A[0-9]+\Z")]

    def __repr__(self) -> str:
        return "Prove()"


_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Refresh | Prove)
_decode_first: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Authenticate | Refresh)


def _tells(raw: str) -> bool:
    # Cheap and certain: JSON may spell a letter as \\u0073, but no honest client does so.
    return f'"{RESERVED}' in raw


def read_in_band(raw: str) -> Refresh | Prove | None:
    """Return the reserved command in `raw`; None if it is none."""
    if not _tells(raw):
        return None
    try:
        found: Refresh | Prove = _decode.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found


def read_authenticate(raw: str) -> Authenticate | None:
    """Return the first message in `raw`; None if it is none."""
    try:
        found: object = _decode_first.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found if isinstance(found, Authenticate) else None


def encode_renewed(type: str, expires_in: int | None, id: str | int | UnsetType = UNSET) -> bytes:
    """Return `{"type": "stormdoor.refreshed", "id": 1, "expires_in": 300}`, or `stormdoor.authenticated`."""
    reply: dict[str, object] = {"type": RESERVED + type}
    if id is not UNSET:
        reply["id"] = id
    return encode(reply | {"expires_in": expires_in})


def encode_expiring(expires_in: int) -> bytes:
    """Return `{"type": "stormdoor.expiring", "expires_in": 30}`."""
    return encode({"type": RESERVED + "expiring", "expires_in": expires_in})
