"""Second factors."""

from __future__ import annotations

from typing import Protocol

from stormdoor.core.account import Account
from stormdoor.core.factor import Factor
from stormdoor.core.revocation import Revocation
from stormdoor.ports.revocation_log import Changed

__all__ = ["Factors", "SecondFactors"]


class Factors(Protocol):
    """Second factors, and the number of consecutive wrong codes.

    In doubt, treat a code as used, and the attempt as charged. Repeat a removal; it returns None if the
    first call has removed the factor. After an addition, list the factors to see whether the new one is
    stored.
    """

    async def factors(self, principal_id: str) -> list[Factor]:
        """Return all factors of a principal, oldest first."""
        ...

    async def factor_by_handle(self, handle: str) -> tuple[Factor, Account] | None:
        """Return the passkey with a WebAuthn credential id, and its account; None if there is none."""
        ...

    async def add_factor(self, factor: Factor, *, entry: Revocation | None = None) -> Changed:
        """Store a confirmed factor, and add `entry` to the log of revocations.

        Raises:
            StoreError: The id or the handle is taken, or there is no such account.
        """
        ...

    async def remove_factor(
        self,
        id: str,
        principal_id: str,
        *,
        entry: Revocation | None = None,
        change: Revocation | None = None,
    ) -> list[Revocation] | None:
        """Remove a factor of a principal, and with the last factor also the recovery codes.

        Args:
            id: The factor.
            principal_id: Its owner.
            entry: End the login sessions of the principal in the same transaction. For each session this
                entry is added to the log of revocations, with the id of the session as its value.
            change: Entry that names the removal, added to the log once.

        Returns:
            The entries as the log has them; None if there is no such factor.
        """
        ...

    async def use_factor(
        self, id: str, *, counter: int, at: float, entry: Revocation | None = None
    ) -> Changed:
        """Store the counter and the time of a use, if the factor accepts the counter (see `Factor.accepts`).

        INVARIANT: of several simultaneous calls with one counter, exactly one is accepted.
        """
        ...

    async def reseal_factor(self, id: str, old: str, new: str) -> bool:
        """Replace the sealed secret if it is still `old`, in one step. Returns whether it was."""
        ...

    async def factor_failures(self, principal_id: str) -> tuple[int, float]:
        """Return the number of consecutive wrong codes, and the time of the last one (Unix seconds).

        The result is (0, 0.0) without wrong codes.
        """
        ...

    async def set_factor_failures(
        self, principal_id: str, count: int, at: float, *, expected: int
    ) -> bool:
        """Set the number of wrong codes if it is still `expected`, in one step; 0 removes it.

        INVARIANT: of several simultaneous calls that expect the same, exactly one gets True.

        Returns:
            Whether the number was set. False also if there is no such account.
        """
        ...


class SecondFactors(Protocol):
    """Interface of the service that verifies second factors."""

    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """Return whether `totp` is a present, unused code of this principal; it is used up then.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        ...
