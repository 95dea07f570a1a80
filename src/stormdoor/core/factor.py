"""A second factor: something that a principal has, beside the password that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Factor", "FactorKind"]


class FactorKind(Enum):
    """What kind of thing it is."""

    TOTP = "totp"  # codes from an application that shares a secret (RFC 6238)
    PASSKEY = "passkey"  # a key pair in a device or a password manager (WebAuthn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One enrolled factor. What has not been confirmed yet is no factor and is not stored as one.

    Attributes:
        id: Public and unique.
        principal_id: Whose it is.
        kind: TOTP or passkey.
        name: What its owner calls it.
        secret: TOTP: the shared secret, sealed with a key that is not in the store. Passkey: its
            public key (COSE, base64url), which is no secret.
        handle: Passkey: the id of the credential (base64url), unique. TOTP: None.
        counter: TOTP: the newest time step that was used. Passkey: its signature counter.
        created_at: Unix seconds.
        last_used_at: Unix seconds, or None.
        details: Facts that its kind needs; JSON values only.
    """

    id: str
    principal_id: str
    kind: FactorKind
    name: str
    secret: str = field(repr=False)
    handle: str | None = None
    counter: int = 0
    created_at: float = 0.0
    last_used_at: float | None = None
    details: Mapping[str, object] = field(default_factory=dict, hash=False)

    def accepts(self, counter: int) -> bool:
        """Whether a use with `counter` is newer than the last one.

        INVARIANT: a counter never counts twice. A passkey that does not count says 0 every time
        (WebAuthn §6.1.1), which is all right as long as it has never said anything else.
        """
        never_counts = self.kind is FactorKind.PASSKEY and counter == 0 == self.counter
        return counter > self.counter or never_counts
