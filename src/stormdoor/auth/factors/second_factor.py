"""Settings of second factors, and the parts that enrolment and verification share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stormdoor.auth.factors.passkey import Passkeys
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.core.account_change import AccountChange
from stormdoor.core.credential import fingerprint
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, StoredState

__all__ = ["FactorParts", "SecondFactor", "belongs_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """Settings of second factors.

    Attributes:
        name: Name of this application in authenticator applications and browsers.
        rp_id: The domain of passkeys; None for the host of the requesting page.
        pending_seconds: Seconds for the second factor of a login, and for an enrolment.
        fresh_seconds: Greatest age of the last authentication for a change of factors or the end of other
            sessions.
    """

    name: str = "stormdoor"
    rp_id: str | None = None
    pending_seconds: float = 300.0
    fresh_seconds: float = 300.0

    def __post_init__(self) -> None:
        """Reject invalid values.

        Raises:
            ConfigurationError: A number is out of range, or the name cannot stand in a URI.
        """
        for option in ("pending_seconds", "fresh_seconds"):
            if not 30.0 <= getattr(self, option) <= 3600.0:
                raise ConfigurationError(
                    f"second_factor: {option} must be 30 to 3600, not {getattr(self, option)}"
                )
        if not self.name or ":" in self.name or not self.name.isprintable():
            raise ConfigurationError(
                f'second_factor: name is a name such as "Example", not {self.name!r}'
            )


@dataclass(frozen=True, slots=True)
class FactorParts:
    """The parts that all code about second factors shares.

    Attributes:
        state: State of the factors.
        clock: Source of the time.
        options: Settings of second factors.
        secret_box: Seals the secrets of TOTP; None if no key was given, and then TOTP is not available.
        passkeys: Registration and authentication of passkeys.
        max_unauthenticated: Limit of unfinished logins with only a passkey.
    """

    state: StoredState
    clock: Clock
    options: SecondFactor
    secret_box: SecretBox | None
    passkeys: Passkeys
    max_unauthenticated: int

    def needed_secret_box(self) -> SecretBox:
        """Return the secret box.

        Raises:
            ConfigurationError: There is none.
        """
        if self.secret_box is None:
            raise ConfigurationError(
                "TOTP needs a key to seal its secrets with; write Guard(secrets_key=...) with 32 "
                "random bytes that are not in the store"
            )
        return self.secret_box

    def entry(self, change: AccountChange) -> Revocation:
        """Return the entry of a present change for the log of revocations."""
        return change.entry(self.clock.now())

    async def passkeys_of(self, principal_id: str) -> list[Factor]:
        """Return the passkeys of a principal."""
        own = await self.state.factors.factors(principal_id)
        return [one for one in own if one.kind is FactorKind.PASSKEY]

    async def put(
        self,
        secret: str,
        purpose: str,
        *,
        principal_id: str | None,
        session_id: str | None = None,
        data: Mapping[str, object],
    ) -> bool:
        """Store the state of a login or enrolment, to be finished within `pending_seconds`.

        Returns:
            Whether it was stored. False if it has no principal and the limit of such entries is reached.
        """
        now = self.clock.now()
        return await self.state.pendings.add_pending(
            Pending(
                id=fingerprint(secret),
                purpose=purpose,
                principal_id=principal_id,
                session_id=session_id,
                data=data,
                created_at=now,
                expires_at=now + self.options.pending_seconds,
            ),
            max_unauthenticated=self.max_unauthenticated if principal_id is None else None,
        )


def belongs_to(principal_id: str, factor_id: str) -> str:
    """Return the context that a factor's sealed secret is bound to."""
    return f"totp {factor_id} {principal_id}"
