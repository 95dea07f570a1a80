"""A second factor: a device or application of the principal, beside its password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Factor", "FactorKind"]


class FactorKind(Enum):
    """The kind of a factor."""

    TOTP = "totp"  # codes from an application that shares a secret (RFC 6238)
    PASSKEY = "passkey"  # One enrolled factor. An unconfirmed factor is not stored as one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One enrolled factor. A factor that its owner has not confirmed yet is stored as `Pending` instead.

    Attributes:
        id: Public and unique.
        principal_id: Principal that owns it.
        kind: TOTP or passkey.
        name: The owner's name for it.
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
        """Return whether a use with `counter` is newer than the last one.

        INVARIANT: a counter is never accepted twice. A passkey without a counter sends 0 every time
        (WebAuthn §6.1.1); that is accepted as long as it has never sent another value.
        """
        never_counts = self.kind is FactorKind.PASSKEY and counter == 0 == self.counter
        return counter > self.counter or never_counts
