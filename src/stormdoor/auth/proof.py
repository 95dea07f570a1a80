"""What somebody presents as a second factor, and what it proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stormdoor.core.account import Account
from stormdoor.core.factor import FactorKind

__all__ = ["PasskeyProof", "Proof", "Proved", "RecoveryProof", "TotpProof"]


@dataclass(frozen=True, slots=True)
class TotpProof:
    """A code of six digits, as typed. Not in the repr."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryProof:
    """A recovery code, as typed. Not in the repr."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyProof:
    """What `navigator.credentials.get()` returned, and what its challenge must have been made for.

    Attributes:
        credential: The JSON of the credential (WebAuthn §5.1, `toJSON()`).
        origin: The page that sends it, as the browser says it.
        binding: The session or pending login that the challenge was made for.
    """

    credential: Mapping[str, object] = field(repr=False)
    origin: str
    binding: str


Proof = TotpProof | RecoveryProof | PasskeyProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """A second factor was right.

    Attributes:
        account: Whose; as it was when that was found out.
        kind: What it was; None for a recovery code.
        factor_id: Which one; empty for a recovery code.
        user_verified: Whether a passkey had checked a PIN, a finger or a face.
        at: Unix seconds.
        strength: Factors that are proved now, with what came before.
    """

    account: Account
    kind: FactorKind | None
    factor_id: str
    at: float
    user_verified: bool = False
    strength: int = 2

    @property
    def method(self) -> str:
        """For the trail: `totp`, `passkey` or `recovery-code`."""
        return "recovery-code" if self.kind is None else self.kind.value
