"""Find out whether a name is that of a principal, so that a misspelt revocation can be reported."""

from __future__ import annotations

import logging
from collections.abc import Collection

from stormdoor.core.event import Event
from stormdoor.core.trail_filter import Cursor
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.timeout import ANSWER_SECONDS, run_with_timeout
from stormdoor.ports import StoredState

__all__ = ["is_known"]

_log = logging.getLogger("stormdoor.guard")

_REVOKED = "authn_token_revoked"
"""Event of a revocation, which names a principal as it was typed."""
_WITH_TENANT = frozenset({"connection_opened", "user_created", "user_deleted"})
"""Events that record the tenant of their principal."""
_PAGE = 100


async def is_known(
    principal_id: str, state: StoredState, *, tenants: Collection[str | None] | None = None
) -> bool | None:
    """Return whether there is, or was, a principal of this name.

    There is one if it has an account. There was one if the trail has an entry about it that is not its
    revocation: an account that was deleted, a login, a connection with the token of another issuer.

    Args:
        principal_id: The name.
        state: The stored state.
        tenants: Only principals of these tenants count; None for all.

    Returns:
        None if the store does not answer in 1 s, or an entry is damaged. It raises nothing: a failed look-up
        must not make a revocation fail.
    """
    try:
        return await run_with_timeout(ANSWER_SECONDS, _look(principal_id, state, tenants))
    except (StoreUnavailable, TimeoutError):
        return None
    except Exception:  # noqa: BLE001 - the revocation itself has not failed
        _log.exception("it is not known whether there is a principal %r", principal_id)
        return None


async def _look(
    principal_id: str, state: StoredState, tenants: Collection[str | None] | None
) -> bool:
    account = await state.accounts.account(principal_id)
    if account is not None and (tenants is None or account.tenant in tenants):
        return True
    cursor: Cursor | None = None
    while True:
        page = await state.trail.entries(principal=principal_id, cursor=cursor, limit=_PAGE)
        if any(_shows(one.event, principal_id, tenants) for one in page):
            return True
        if (cursor := page.cursor) is None:
            return False


def _shows(event: Event, principal_id: str, tenants: Collection[str | None] | None) -> bool:
    if tenants is not None and (event.name not in _WITH_TENANT or event.tenant not in tenants):
        return False
    return event.name != _REVOKED or event.actor == principal_id
