"""API keys: `sd_<id>_<256 random bits><checksum>`.

The prefix lets secret scanners find a leaked key, the id identifies the row, and the checksum rejects a
mistyped key without a look-up. Only the SHA-256 of the whole key is stored.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from stormdoor.core.address import in_networks, parse_networks
from stormdoor.core.log_position import LogPosition
from stormdoor.core.value import value

__all__ = ["PREFIX", "ApiKey", "compose", "key_id"]

PREFIX = "sd_"

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SECRET_LENGTH = 43  # 62**43 > 2**256
_CHECK_LENGTH = 6  # 62**6 > 2**32
_SHAPE = re.compile(
    rf"sd_([0-9a-z]{{12}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECK_LENGTH}}})",
    re.ASCII,
)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def compose(id_bits: int, secret_bits: int) -> tuple[str, str]:
    """Make a key from random bits.

    Args:
        id_bits: At least 62 random bits.
        secret_bits: 256 random bits.

    Returns:
        The key's public id, and the whole key.
    """
    id = _base62(id_bits, 12).lower()
    body = f"{PREFIX}{id}_{_base62(secret_bits, _SECRET_LENGTH)}"
    return id, body + _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def key_id(key: str) -> str | None:
    """Return the public id in `key`, or None if it is not well formed or its checksum is wrong."""
    match = _SHAPE.fullmatch(key)
    if match is None:
        return None
    body = key[:-_CHECK_LENGTH]
    return match[1] if _base62(zlib.crc32(body.encode()), _CHECK_LENGTH) == match[3] else None


@value
@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key as it is stored.

    Attributes:
        id: The public id.
        hash: SHA-256 of the whole key, in hex.
        principal_id: The owner.
        name: Purpose, for the owner's list of keys.
        scopes: Permission patterns that it is restricted to.
        networks: Networks that it may be used from; empty for all.
        created_at: Unix seconds.
        expires_at: Unix seconds, or None.
        last_used_at: Unix seconds, or None.
        last_used_from: Address of the last use.
        successor: The id of the key that replaces it, while both are valid (rotation).
        position: The head of the log of revocations at its issue; set by the store that adds it. None for
            a key of an older release.
    """

    id: str
    hash: str
    principal_id: str
    name: str
    scopes: frozenset[str]
    networks: tuple[str, ...] = ()
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    last_used_from: str | None = None
    successor: str | None = None
    position: LogPosition | None = None

    def misuse(self, address: str, now: float) -> str | None:
        """Return the reason why it may not be used from `address` at `now`; None if it may."""
        if self.expires_at is not None and now >= self.expires_at:
            return "the key has expired"
        if self.networks and not in_networks(address, parse_networks(self.networks)):
            return f"the key may not be used from {address}; its networks are {', '.join(self.networks)}"
        return None
