"""The keys that sign handshakes, with their principals, and the sources of such keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.principal import Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["KEYID", "SIGNATURE_ALGORITHMS", "FixedRequestKeys", "RequestKey", "RequestKeys"]

SIGNATURE_ALGORITHMS = {
    "HS256": "hmac-sha256",
    "EdDSA": "ed25519",
    "ES256": "ecdsa-p256-sha256",
}
"""The name of each algorithm in RFC 9421 §6.2."""

KEYID = re.compile(r"[\x20-\x7e]{1,128}", re.ASCII)
"""Allowed characters of a `keyid`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """A key that signs handshakes, and its principal.

    Attributes:
        key: The key; its `kid` is the `keyid` of signatures. `HS256`, `EdDSA` or `ES256`.
        principal: The principal; or the id of an account in the store, which has the roles and may be
            disabled.
        device_id: For revocation by device; `keyid` by default.
        scopes: Permission patterns that the key is restricted to, or None.
        issued_at: Unix seconds when the key was made. A later revocation of the device or the principal ends
            it.
        expires_at: Unix seconds after which it is refused, or None.
    """

    key: JwtKey
    principal: Principal | str
    device_id: str | None = None
    scopes: frozenset[str] | None = None
    issued_at: float = 0.0
    expires_at: float | None = None

    def __post_init__(self) -> None:
        """Reject a key that cannot verify handshakes.

        Raises:
            ConfigurationError: The key has no name, or is for another algorithm.
        """
        if self.key.algorithm not in SIGNATURE_ALGORITHMS:
            raise ConfigurationError(
                f"a key that signs requests is for {', '.join(SIGNATURE_ALGORITHMS)}, not "
                f"{self.key.algorithm}"
            )
        if self.key.kid is None or KEYID.fullmatch(self.key.kid) is None:
            raise ConfigurationError(
                "a key that signs requests has a name of printable ASCII; write "
                "JwtKey(\"EdDSA\", pem, kid='device-7')"
            )

    @property
    def keyid(self) -> str:
        """Its name."""
        return self.key.kid or ""


class RequestKeys(Protocol):
    """A source of keys."""

    async def find(self, keyid: str, *, state: StoredState) -> RequestKey | None:
        """Return the key of that name; None if there is none.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        ...


class FixedRequestKeys:
    """The keys of a configuration.

    Args:
        keys: The keys. Two of one principal while they are rotated.

    Raises:
        ConfigurationError: There is none, or two have the same name.
    """

    def __init__(self, keys: Sequence[RequestKey]) -> None:
        self.keys = {one.keyid: one for one in keys}
        if not keys or len(self.keys) != len(keys):
            raise ConfigurationError(
                "signed requests need keys, each with a name of its own; write "
                "keys=[RequestKey(key=JwtKey(\"EdDSA\", pem, kid='device-7'), principal='device-7')]"
            )

    async def find(self, keyid: str, *, state: StoredState) -> RequestKey | None:
        """Return the key of that name; None if there is none."""
        return self.keys.get(keyid)
