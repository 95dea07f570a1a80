"""A lagging standby becomes the primary: what it has lost opens nothing on nodes that know of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from stormdoor import Guard
from stormdoor.auth.password.login import LoggedIn
from stormdoor.core.account import Account
from stormdoor.core.denial import Refusal
from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql import owner
from stormdoor.stores.postgresql.store import PostgresqlStore
from tests.chaos.servers import DATABASE, Pair
from tests.chaos.test_servers import programs
from tests.guard.fakes import opened
from tests.stores.test_postgresql_guard import _guards, _has_lapsed, _log_in, _until

pytestmark = [pytest.mark.extended, pytest.mark.slow, pytest.mark.xdist_group("chaos-servers")]

_IDENTITY = "https://id.example", "a former employee"
_OLD, _NEW = "an old password, long ago", "a new password since then"


async def _attempt(guard: Guard, password: str) -> LoggedIn | Refusal:
    """Log in. While the node does not know its database, this is an error."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(StoreUnavailable):
                return await guard.login.attempt("carol", password, "192.0.2.1")
            await asyncio.sleep(0.05)


def forget_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes know no change of an account."""
    monkeypatch.setattr("stormdoor.guard.lost_changes.LostChanges.note", lambda *_: None)


@contextlib.asynccontextmanager
async def lagging_pair() -> AsyncIterator[tuple[Pair, Guard, Guard]]:
    """Two nodes on a primary with an asynchronous standby."""
    async with Pair(programs(), synchronous=False) as pair:
        await owner.migrate(pair.primary.url(DATABASE))
        await pair.add_standby()
        assert pair.standby is not None
        url = pair.primary.url(DATABASE).replace(
            f":{pair.primary.port}/", f":{pair.primary.port},127.0.0.1:{pair.standby.port}/"
        )
        async with _guards(url, store=PostgresqlStore) as (one, other):
            yield pair, one, other


async def hold(pair: Pair) -> None:
    """Let the standby receive everything until now, and nothing afterwards."""
    await asyncio.sleep(0.5)
    pair.replication.hold()


async def promote(pair: Pair, one: Guard, other: Guard) -> None:
    """Promote the standby after both nodes have applied all entries. Return when they follow it."""
    before = await one.state.revocations.log_position()
    for guard in (one, other):
        await _until(lambda guard=guard: guard.follower.applied.seq == before.seq)  # type: ignore[misc]
    await pair.fail_over(kill=True)
    for guard in (one, other):
        await _until(
            lambda guard=guard: (  # type: ignore[misc]
                guard.follower.applied.epoch != before.epoch and not _has_lapsed(guard)
            )
        )


@pytest.mark.parametrize("acting", [True, False], ids=["nodes", "without the nodes' knowledge"])
async def test_promotion_of_a_lagging_standby(
    acting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promoted server has an old password, old attributes, a session that had ended, and an old link.

    Without the nodes' knowledge all of them open what they opened before. The nodes let none of them.
    """
    if not acting:
        forget_changes(monkeypatch)
    async with lagging_pair() as (pair, one, other):
        dave = Account(id="dave", roles=frozenset({"member"}), attributes={"clearance": 9})
        await one.state.accounts.add_account(dave)
        await one.admin.set_password("carol", _OLD)
        await one.state.identities.link_identity(*_IDENTITY, "dave", one.clock.now())
        handshake = await _log_in(one)
        secret = handshake.cookies["__Host-stormdoor"][0]
        connection, _ = await opened(other, handshake)
        await hold(pair)
        await one.admin.set_attributes("dave", {"clearance": 0})
        await one.state.identities.unlink_identity(*_IDENTITY, one.clock.now())
        await one.admin.set_password("carol", _NEW)
        await _until(lambda: not connection.open)
        await promote(pair, one, other)
        outcomes = [await _attempt(guard, _OLD) for guard in (one, other)]
        account = await one.state.accounts.account("dave")
        assert account is not None
        assert account.attributes == {"clearance": 9}
        assert account.disabled is acting
        linked = await other.state.identities.identity(*_IDENTITY)
        assert (linked is None) is acting
        for guard, outcome in zip((one, other), outcomes, strict=True):
            assert isinstance(outcome, Refusal if acting else LoggedIn)
            assert await guard.sessions.find(secret) is None
