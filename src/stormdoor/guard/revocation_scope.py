"""Compute the tenants that a revocation affects, for the cross-tenant permission check."""

from __future__ import annotations

from dataclasses import dataclass

from stormdoor.core.revocation import Revocation, Target
from stormdoor.guard.named_connections import named_by
from stormdoor.guard.registry import Registry
from stormdoor.ports import StoredState

__all__ = ["RevocationScope", "affected_tenants"]

# Names that several tenants may use: a device of one tenant with such a name does not exclude a device of
# another.
_SHARED = frozenset({Target.DEVICE, Target.ROLE, Target.EVERYTHING})


@dataclass(frozen=True, slots=True)
class RevocationScope:
    """The tenants that a revocation affects.

    Attributes:
        tenants: The known tenants; None for principals without a tenant.
        all_known: False if it may end a credential that neither the store nor this process knows.
    """

    tenants: frozenset[str | None]
    all_known: bool

    def as_seen_from(self, tenant: str | None) -> str | None:
        """Return the tenant for the policy decision when a principal of `tenant` revokes.

        INVARIANT: it returns `tenant` only if no other tenant is affected. A principal without a tenant may
        revoke targets without a tenant and unknown targets: an installation without tenants needs no such
        permission.
        """
        others = sorted(one for one in self.tenants if one is not None and one != tenant)
        if others:
            return others[0]
        if tenant is None or (self.all_known and self.tenants == {tenant}):
            return tenant
        return f"not only {tenant}"


async def affected_tenants(
    target: Target, value: str, *, state: StoredState, registry: Registry
) -> RevocationScope:
    """Return the tenants that a revocation of `target` and `value` affects.

    It knows the open connections of this process, and those that other nodes listed within the last seconds.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    if target is Target.TENANT:
        return RevocationScope(frozenset({value}), all_known=True)
    named = named_by(Revocation(target, value, float("inf")), registry)
    tenants = {connection.authentication.principal.tenant for connection in named}
    tenants |= await state.connections.tenants_of_connections(target, value)
    stored = await _stored(target, value, state)
    # The issuer of a token chooses its `jti`, so only a key of the store identifies a tenant. A hash
    # belongs to one token.
    decisive = stored if target is Target.CREDENTIAL else tenants | stored
    return RevocationScope(
        frozenset(tenants | stored), all_known=bool(decisive) and target not in _SHARED
    )


async def _stored(target: Target, value: str, state: StoredState) -> set[str | None]:
    """Return the tenants of the affected accounts in the store."""
    match target:
        case Target.PRINCIPAL:
            account = await state.accounts.account(value)
            return set() if account is None else {account.tenant}
        case Target.SESSION:
            session = await state.sessions.current_session(value)
            if session is None:
                return set()
            owner = await state.accounts.account(session.principal_id)
            return set() if owner is None else {owner.tenant}
        case Target.CREDENTIAL:
            key = await state.keys.key(value)
            return set() if key is None else {key[1].tenant}
        case Target.DEVICE:
            return await state.accounts.tenants(device=value)
        case Target.ROLE:
            return await state.accounts.tenants(role=value)
        case Target.EVERYTHING:
            return await state.accounts.tenants()
        case _:
            return set()
