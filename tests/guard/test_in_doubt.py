"""Answers of the store that were lost after the commit: a value counts as used, a change is repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import ApiKeyAuthenticator, Guard, SessionAuthenticator, TicketAuthenticator
from stormdoor.core.denial import Denial
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Target
from stormdoor.errors import StoreInDoubt
from tests.guard.fakes import (
    HANDSHAKE,
    ORIGIN,
    Tokens,
    admit,
    bearer,
    make_guard,
    of_account,
    opened,
    refused,
    settle,
    store_of,
)


async def _guard() -> Guard:
    tokens = Tokens({"carol": of_account("carol")})
    return await settle(
        make_guard(ApiKeyAuthenticator(), tokens, SessionAuthenticator(), TicketAuthenticator())
    )


async def test_a_ticket_in_doubt_counts_as_used() -> None:
    """The handshake is refused with 503, and the same ticket opens nothing later."""
    guard = await _guard()
    session = (await guard.sessions.create("carol")).session
    issued = await guard.tickets.issue(session, origin=ORIGIN, endpoint="/ws")
    assert issued is not None
    store_of(guard).in_doubt.add("redeem_ticket")
    presented = replace(
        HANDSHAKE, subprotocols=["stormdoor.v1", f"stormdoor.ticket.{issued.secret}"]
    )
    first = await refused(guard, presented)
    assert (first.denial, first.answer.status) == (Denial.UNAVAILABLE, 503)
    store_of(guard).in_doubt.clear()
    assert (await refused(guard, presented)).denial is Denial.BAD_CREDENTIAL


@pytest.mark.parametrize("method", ["use_nonce", "take_pending", "use_recovery_code"])
async def test_a_value_in_doubt_is_not_accepted_twice(method: str) -> None:
    """The caller gets no answer, and the next use is one of a used value."""
    guard = await _guard()
    store = store_of(guard)
    now = guard.clock.now()
    await store.add_pending(Pending(id="p", purpose="x", expires_at=now + 60))
    await store.set_recovery_codes("carol", ["hash"])
    uses: dict[str, Callable[[], Awaitable[Any]]] = {
        "use_nonce": lambda: store.use_nonce("jti", "v", now + 60),
        "take_pending": lambda: store.take_pending("p", "x"),
        "use_recovery_code": lambda: store.use_recovery_code("carol", "hash"),
    }
    store.in_doubt.add(method)
    with pytest.raises(StoreInDoubt):
        await uses[method]()
    store.in_doubt.clear()
    assert not await uses[method]()


async def test_a_rotation_in_doubt_leaves_no_open_session() -> None:
    """The client has the old secret, which no longer opens anything; no client has the new one."""
    guard = await _guard()
    issued = await guard.sessions.create("carol")
    store_of(guard).in_doubt.add("replace_session")
    with pytest.raises(StoreInDoubt):
        await guard.sessions.rotate(issued.session)
    store_of(guard).in_doubt.clear()
    assert await guard.sessions.find(issued.secret) is None


CHANGES: dict[str, tuple[str, Callable[[Guard], Awaitable[object]]]] = {
    "role": ("remove_role", lambda guard: guard.admin.withdraw_role("carol", "member")),
    "disabled": ("set_disabled", lambda guard: guard.admin.set_disabled("carol", True)),
    "password": (
        "set_password_hash",
        lambda guard: guard.admin.set_password("carol", "an entirely new password"),
    ),
    "revocation": ("add_revocation", lambda guard: guard.admin.revoke(Target.PRINCIPAL, "carol")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_in_doubt_ends_the_sockets_of_every_process(change: str) -> None:
    """Its entry is in the log with it, so that both processes end the socket without a second call."""
    method, make = CHANGES[change]
    here = await _guard()
    there = make_guard(Tokens({"carol": of_account("carol")}), store=store_of(here))
    await there.start()
    connection, _ = await opened(here, bearer("carol"))
    elsewhere, _ = await opened(there, bearer("carol"))
    store_of(here).in_doubt.add(method)
    with pytest.raises(StoreInDoubt):
        await make(here)
    store_of(here).in_doubt.clear()
    await here.follower.follow()
    await there.follower.follow()
    assert not connection.open
    assert not elsewhere.open
    await there.close()


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_in_doubt_can_be_repeated(change: str) -> None:
    """The repeated call succeeds, and the effect is that of one."""
    method, make = CHANGES[change]
    guard = await _guard()
    store_of(guard).in_doubt.add(method)
    with pytest.raises(StoreInDoubt):
        await make(guard)
    store_of(guard).in_doubt.clear()
    await make(guard)
    assert await guard.unfinished.retry() in (0, 1)
    account = await guard.state.accounts.account("carol")
    assert account is not None
    assert account.disabled is (change == "disabled")
    assert ("member" in account.roles) is (change != "role")


async def test_a_key_whose_end_is_in_doubt_opens_nothing() -> None:
    """The key is revoked in this process first; the repeated call finds it removed."""
    guard = await _guard()
    issued = await guard.admin.issue_key("carol", name="k", scopes=["*"])
    await admit(guard, bearer(issued.secret))
    store_of(guard).in_doubt.add("remove_key")
    with pytest.raises(StoreInDoubt):
        await guard.admin.revoke_key(issued.key.id)
    store_of(guard).in_doubt.clear()
    assert (await refused(guard, bearer(issued.secret))).denial in {
        Denial.REVOKED,
        Denial.BAD_CREDENTIAL,
    }
    assert await guard.unfinished.retry() == 1
    assert len(guard.unfinished) == 0
