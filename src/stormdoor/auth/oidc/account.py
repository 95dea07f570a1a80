"""Who somebody from a provider is here: found by issuer and subject, and by nothing else.

An e-mail address, a user name and a phone number are given to other people later, and at many providers
anybody may write them into their own profile. Whoever links accounts by them gives accounts away
(OpenID Connect Core §5.7).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.core.account import Account
from stormdoor.core.claims import MAX_TEXT
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import StoreError
from stormdoor.ports import Store

__all__ = ["Principals", "derived_id", "linked_account", "own_account", "roles_of"]

_MAX_NAMES = 1000


class Principals(Protocol):
    """What changes principals, tells the trail, and reaches open connections: `Guard.admin`."""

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
    """The id of a new account: one for each person of each provider, and it tells nobody who that is."""
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"oidc-{digest[:32]}"


def roles_of(provider: OpenIdProvider, claims: Mapping[str, object]) -> frozenset[str]:
    """The roles here that the names in the provider's claim give."""
    found: object = claims
    for name in (provider.roles_claim or "").split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(
        role
        for name in names[:_MAX_NAMES]
        if isinstance(name, str)
        for role in provider.roles.get(name, ())
    )


async def own_account(
    provider: OpenIdProvider,
    token: IdToken,
    claims: Mapping[str, object],
    *,
    store: Store,
    principals: Principals,
    now: float,
) -> Account | Refusal:
    """The account of whoever has logged in at the provider; made if that is the policy.

    Args:
        provider: Its policy.
        token: Verified.
        claims: Of the token and of UserInfo.
        store: Where accounts and links are.
        principals: Makes accounts and changes roles.
        now: Unix seconds.
    """
    account = await store.identity(token.issuer, token.subject)
    if account is None:
        made = await _make(provider, token, claims, store=store, principals=principals, now=now)
        if isinstance(made, Refusal):
            return made
        account = made
    elif provider.follow_roles and not account.disabled:
        account = await _follow(provider, account, claims, store, principals)
    if account is None or account.disabled:
        return Refusal(Denial.BAD_CREDENTIAL, "the principal is disabled")
    return account


async def _make(
    provider: OpenIdProvider,
    token: IdToken,
    claims: Mapping[str, object],
    *,
    store: Store,
    principals: Principals,
    now: float,
) -> Account | Refusal:
    if provider.unknown == "refuse":
        return Refusal(
            Denial.FORBIDDEN,
            f"nobody here is linked to subject {token.subject!r:.80} of {token.issuer}; link it (the route "
            "`link`, or store.link_identity), or write unknown='create'",
        )
    own = derived_id(token.issuer, token.subject)
    id = own if provider.account_id is None else provider.account_id(claims)
    if not 0 < len(id) <= MAX_TEXT:
        return Refusal(Denial.FORBIDDEN, "account_id made no id of the claims of this person")
    roles = {*provider.default_roles, *roles_of(provider, claims)}
    try:
        await principals.add_principal(id, roles=sorted(roles), actor=provider.issuer)
    except StoreError as error:
        # INVARIANT: an account that is there already is nobody's who merely comes with its name. The derived
        # id is this very person's: it was made a moment ago, in another process or before a crash.
        if id != own or not await _untouched(id, token, store):
            return Refusal(Denial.FORBIDDEN, f"no account can be made: {error}")
    # At the same moment somebody else may have linked it: what counts is what the store says.
    with contextlib.suppress(StoreError):
        await store.link_identity(token.issuer, token.subject, id, now)
    account = await store.identity(token.issuer, token.subject)
    return account or Refusal(Denial.FORBIDDEN, "the account went while it was being linked")


async def _untouched(id: str, token: IdToken, store: Store) -> bool:
    """Whether an account is as `_make` leaves it, so that nobody else can get into it.

    Where people choose their own names, somebody could have taken the derived id of somebody else.
    """
    account = await store.account(id)
    if account is None or account.password_hash is not None or await store.factors(id):
        return False
    links = await store.identities(id)
    return all((one.issuer, one.subject) == (token.issuer, token.subject) for one in links)


async def _follow(
    provider: OpenIdProvider,
    account: Account,
    claims: Mapping[str, object],
    store: Store,
    principals: Principals,
) -> Account | None:
    """Give and withdraw the roles that the provider decides about."""
    theirs = frozenset(role for given in provider.roles.values() for role in given)
    now = roles_of(provider, claims)
    for role in sorted((account.roles & theirs) - now):
        await principals.withdraw_role(account.id, role, actor=provider.issuer)
    for role in sorted(now - account.roles):
        await principals.grant_role(account.id, role, actor=provider.issuer)
    return await store.account(account.id)


async def linked_account(
    token: IdToken, account: Account, *, store: Store, now: float
) -> Account | Refusal:
    """Link whoever has logged in at the provider to the account that is logged in here.

    Args:
        token: Verified.
        account: Who asked for it, with a session of its own.
        store: Where links are.
        now: Unix seconds.
    """
    if account.disabled:
        return Refusal(Denial.BAD_CREDENTIAL, "the principal is disabled")
    known = await store.identity(token.issuer, token.subject)
    if known is None:
        try:
            await store.link_identity(token.issuer, token.subject, account.id, now)
        except StoreError:
            known = await store.identity(token.issuer, token.subject)
    if known is not None and known.id != account.id:
        return Refusal(Denial.FORBIDDEN, "that person of the provider belongs to another principal")
    return account
