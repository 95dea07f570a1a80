"""The account of a provider's user: identified by issuer and subject only.

An e-mail address, a user name or a phone number can be reassigned to another person, and at many providers
users write any value into their own profile. An application that links accounts by them lets an attacker
take over accounts (OpenID Connect Core §5.7).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from stormdoor.auth.oidc.entry import names_of
from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.account import Account
from stormdoor.core.claims import MAX_TEXT
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import StoreError
from stormdoor.ports import StoredState

__all__ = ["Principals", "derived_id", "linked_account", "own_account", "roles_of"]


class Principals(Protocol):
    """The methods of `Guard.admin` that this module needs."""

    async def add_principal(
        self, id: str, *, roles: Iterable[str] = (), actor: str = ""
    ) -> Account:
        """See `Administration`."""
        ...

    async def grant_role(self, id: str, role: str, *, actor: str = "") -> None:
        """See `Administration`."""
        ...

    async def withdraw_role(self, id: str, role: str, *, actor: str = "") -> int:
        """See `Administration`."""
        ...


def derived_id(issuer: str, subject: str) -> str:
    """Return the id of a new account: a hash of issuer and subject, which does not reveal the user."""
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"oidc-{digest[:32]}"


def roles_of(provider: OpenIdProvider, claims: Mapping[str, object]) -> frozenset[str]:
    """Return the roles here for the names in the provider's claim."""
    names = names_of(claims, provider.roles_claim or "")
    return frozenset(role for name in names for role in provider.roles.get(name, ()))


async def own_account(
    provider: OpenIdProvider,
    token: IdToken,
    claims: Mapping[str, object],
    *,
    state: StoredState,
    principals: Principals,
    now: float,
) -> Account | Refusal:
    """Return the account of a user who has logged in at the provider; create it if configured.

    Args:
        provider: Settings of the provider.
        token: The verified ID token.
        claims: Claims of the token and of UserInfo.
        state: State of accounts and links.
        principals: Creates accounts and changes roles.
        now: Unix seconds.
    """
    account = await state.identities.identity(token.issuer, token.subject)
    if account is None:
        made = await _make(provider, token, claims, state=state, principals=principals, now=now)
        if isinstance(made, Refusal):
            return made
        account = made
    elif provider.follow_roles and not account.disabled:
        account = await _follow(
            provider, account, claims, actor=token.issuer, state=state, principals=principals
        )
    if account is None or account.disabled:
        return Refusal(Denial.BAD_CREDENTIAL, "the principal is disabled")
    return account


async def _make(
    provider: OpenIdProvider,
    token: IdToken,
    claims: Mapping[str, object],
    *,
    state: StoredState,
    principals: Principals,
    now: float,
) -> Account | Refusal:
    if provider.unknown == "refuse":
        return Refusal(
            Denial.FORBIDDEN,
            f"no account is linked to subject {token.subject!r:.80} of {token.issuer}; link it (the route "
            "`link`, or state.identities.link_identity), or write unknown='create'",
        )
    own = derived_id(token.issuer, token.subject)
    id = own if provider.account_id is None else provider.account_id(claims)
    if not 0 < len(id) <= MAX_TEXT:
        return Refusal(Denial.FORBIDDEN, "account_id made no id of the claims of this person")
    roles = {*provider.default_roles, *roles_of(provider, claims)}
    try:
        await principals.add_principal(id, roles=sorted(roles), actor=token.issuer)
    except StoreError as error:
        # INVARIANT: an existing account is never taken over by a user with the same name. A derived id
        # belongs to exactly this user: it was created a moment ago, in another process or before a crash.
        if id != own or not await _untouched(id, token, state):
            return Refusal(Denial.FORBIDDEN, f"no account can be made: {error}")
    # Another process may have linked it at the same moment: the store decides.
    with contextlib.suppress(StoreError):
        await state.identities.link_identity(token.issuer, token.subject, id, now)
    account = await state.identities.identity(token.issuer, token.subject)
    return account or Refusal(Denial.FORBIDDEN, "the account went while it was being linked")


async def _untouched(id: str, token: IdToken, state: StoredState) -> bool:
    """Return whether an account is unchanged since its creation, so that no other user can log in to it.

    If users choose their own names, a user could have taken the derived id of another user.
    """
    account = await state.accounts.account(id)
    if account is None or account.password_hash is not None or await state.factors.factors(id):
        return False
    links = await state.identities.identities(id)
    return all((one.issuer, one.subject) == (token.issuer, token.subject) for one in links)


async def _follow(
    provider: OpenIdProvider,
    account: Account,
    claims: Mapping[str, object],
    *,
    actor: str,
    state: StoredState,
    principals: Principals,
) -> Account | None:
    """Grant and withdraw the roles that the provider decides."""
    theirs = frozenset(role for given in provider.roles.values() for role in given)
    now = roles_of(provider, claims)
    for role in sorted((account.roles & theirs) - now):
        await principals.withdraw_role(account.id, role, actor=actor)
    for role in sorted(now - account.roles):
        await principals.grant_role(account.id, role, actor=actor)
    return await state.accounts.account(account.id)


async def linked_account(
    token: IdToken, account: Account, *, state: StoredState, now: float
) -> Account | Refusal:
    """Link a user who has logged in at the provider to the account that is logged in here.

    Args:
        token: The verified ID token.
        account: The account that requested the link, with a session of its own.
        state: State of links.
        now: Unix seconds.
    """
    if account.disabled:
        return Refusal(Denial.BAD_CREDENTIAL, "the principal is disabled")
    known = await state.identities.identity(token.issuer, token.subject)
    if known is None:
        try:
            await state.identities.link_identity(token.issuer, token.subject, account.id, now)
        except StoreError:
            known = await state.identities.identity(token.issuer, token.subject)
    if known is not None and known.id != account.id:
        return Refusal(Denial.FORBIDDEN, "that person of the provider belongs to another principal")
    return account
