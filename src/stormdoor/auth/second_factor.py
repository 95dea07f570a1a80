"""How second factors behave, and what their enrolment and their proof have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stormdoor.auth.passkey import Passkeys
from stormdoor.auth.vault import Vault
from stormdoor.core.credential import fingerprint
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.pending import Pending
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, Store

__all__ = ["FactorParts", "SecondFactor", "belongs_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """How second factors behave.

    Attributes:
        name: What an application that shows codes, and a browser, call this application.
        rp_id: The domain that passkeys belong to; None for the host of the page that asks.
        pending_seconds: How long a login waits for its second factor, and an enrolment for its end.
        fresh_seconds: How old the last proof may be when factors are changed or other sessions ended.
    """

    name: str = "stormdoor"
    rp_id: str | None = None
    pending_seconds: float = 300.0
    fresh_seconds: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

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
    """What everything about second factors works with.

    Attributes:
        store: Where they live.
        clock: The time.
        options: How they behave.
        vault: Seals the secrets of TOTP; None if no key was given, and then there is no TOTP.
        passkeys: The ceremonies.
        strangers: How many logins with nothing but a passkey may wait for their answer.
    """

    store: Store
    clock: Clock
    options: SecondFactor
    vault: Vault | None
    passkeys: Passkeys
    strangers: int

    def needed_vault(self) -> Vault:
        """The vault.

        Raises:
            ConfigurationError: There is none.
        """
        if self.vault is None:
            raise ConfigurationError(
                "TOTP needs a key to seal its secrets with; write Guard(secrets_key=...) with 32 "
                "random bytes that are not in the store"
            )
        return self.vault

    async def passkeys_of(self, principal_id: str) -> list[Factor]:
        """The passkeys of a principal."""
        own = await self.store.factors(principal_id)
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
        """Store something that whoever has `secret` finishes within `pending_seconds`.

        Returns:
            Whether it was stored: False if it is nobody's, and too many such are there.
        """
        now = self.clock.now()
        return await self.store.add_pending(
            Pending(
                id=fingerprint(secret),
                purpose=purpose,
                principal_id=principal_id,
                session_id=session_id,
                data=data,
                created_at=now,
                expires_at=now + self.options.pending_seconds,
            ),
            strangers=self.strangers if principal_id is None else None,
        )


def belongs_to(principal_id: str, factor_id: str) -> str:
    """What the sealed secret of a factor is bound to."""
    return f"totp {factor_id} {principal_id}"
