"""Find principals, roles and ids by the text that an operator typed; suggest a similar name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stormdoor.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from stormdoor.core.account import Account
    from stormdoor.runtime.guard import Guard
    from stormdoor.runtime.installation import Installation

__all__ = ["defined_roles", "known_principal", "short_ids", "similar_name", "whole_id"]


_SHORTEST = 8


def _near(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


async def known_principal(guard: Guard, id: str) -> Account:
    """Return the account of a principal.

    Raises:
        StoreError: There is no such principal.
    """
    account = await guard.state.accounts.account(id)
    if account is None:
        raise StoreError(f"there is no principal {id!r}{await similar_name(guard, id)}")
    return account


async def similar_name(guard: Guard, id: str) -> str:
    """Return a question that suggests the most similar name of an account; "" if none is similar or found."""
    try:
        return _near(id, [one.id for one in await guard.state.accounts.accounts()])
    except StoreUnavailable:
        return ""


def defined_roles(installation: Installation, roles: Iterable[str], *, anyway: bool) -> None:
    """Reject roles that the configuration does not define, because a misspelt role grants nothing.

    Raises:
        StoreError: The configuration defines roles, and not this one.
    """
    if anyway or not installation.policies_known:
        return
    defined = installation.guard.policies.roles
    for role in roles:
        if role not in defined:
            hint = _near(role, defined) or f"; there are: {', '.join(sorted(defined))}"
            raise StoreError(
                f"the configuration defines no role {role!r}{hint} (--anyway gives it all the same)"
            )


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return the beginning of each id that no other one has, for a table; all are of one length."""
    known = set(ids)
    length = _SHORTEST
    while len({one[:length] for one in known}) < len(known):
        length += 1
    return {one: one[:length] for one in known}


def whole_id(start: str, ids: Iterable[str], what: str) -> str:
    """Return the one id that begins with `start`.

    Raises:
        StoreError: There is none, or more than one.
    """
    found = [id for id in ids if id == start] or [id for id in ids if id.startswith(start)]
    if not found:
        raise StoreError(f"there is no {what} {start!r}")
    if len(found) > 1:
        raise StoreError(f"{len(found)} {what}s begin with {start!r}; write more of it")
    return found[0]
