"""Second factors as a client presents them, and the result of their verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stormdoor.core.account import Account
from stormdoor.core.factor import FactorKind

__all__ = ["PasskeyProof", "Proof", "RecoveryProof", "TotpProof", "VerifiedFactor"]


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
    """The result of `navigator.credentials.get()`, and the expected purpose of its challenge.

    Attributes:
        credential: The JSON of the credential (WebAuthn §5.1, `toJSON()`).
        origin: Origin of the page, as the browser sends it.
        binding: The session or pending login that the challenge was made for.
    """

    credential: Mapping[str, object] = field(repr=False)
    origin: str
    binding: str


Proof = TotpProof | RecoveryProof | PasskeyProof


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedFactor:
    """The result of a correct second factor.

    Attributes:
        account: The account, as read during the verification.
        kind: Kind of the factor; None for a recovery code.
        factor_id: Id of the factor; empty for a recovery code.
        user_verified: Whether a passkey verified a PIN, a finger or a face.
        at: Unix seconds.
        strength: Number of factors proved now, with earlier ones.
    """

    account: Account
    kind: FactorKind | None
    factor_id: str
    at: float
    user_verified: bool = False
    strength: int = 2

    @property
    def method(self) -> str:
        """Return the name for the trail: `totp`, `passkey` or `recovery-code`."""
        return "recovery-code" if self.kind is None else self.kind.value
