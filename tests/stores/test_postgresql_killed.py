"""The server is killed while two nodes accept values for a single use: none is accepted twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.store import PostgresqlStore
from stormdoor.testing.contract.support import (
    NOW,
    STATUS,
    account,
    opened,
    pending,
    session,
    ticket,
)
from tests.support.postgresql import MIGRATED, Server, migrated, postgresql

__all__ = ["postgresql"]

pytestmark = [pytest.mark.extended, pytest.mark.slow]

_EACH = 50
_PATIENCE = 60.0


def _uses(store: PostgresqlStore) -> dict[str, Callable[[], Awaitable[object]]]:
    """The use of each value by one node."""
    uses: dict[str, Callable[[], Awaitable[object]]] = {}
    for n in range(_EACH):
        uses[f"ticket {n}"] = lambda n=n: store.redeem_ticket(f"t{n}")  # type: ignore[misc]
        uses[f"code {n}"] = lambda n=n: store.use_recovery_code("alice", f"c{n}")  # type: ignore[misc]
        uses[f"nonce {n}"] = lambda n=n: store.use_nonce("proof", f"n{n}", NOW + 60)  # type: ignore[misc]
        uses[f"login {n}"] = lambda n=n: store.take_pending(f"p{n}", "second-factor")  # type: ignore[misc]
    return uses


@pytest.mark.parametrize("again", [1, 2])
async def test_value_is_accepted_once_although_the_server_is_killed(
    again: int, postgresql: Server
) -> None:
    """Clients present each value at two nodes, and again after each restart of the server."""
    server, accepted = Server(postgresql.programs).start(), Counter[str]()
    try:
        migrated(server)
        url = server.url(MIGRATED)
        async with opened(PostgresqlStore(url)) as one, opened(PostgresqlStore(url)) as other:
            await one.add_account(account("alice"))
            await one.add_session(session("s1", "alice"))
            await asyncio.gather(
                *(one.add_ticket(ticket(f"t{n}", "alice")) for n in range(_EACH)),
                *(one.add_pending(pending(f"p{n}", "alice")) for n in range(_EACH)),
                one.set_recovery_codes("alice", [f"c{n}" for n in range(_EACH)]),
            )

            async def present(name: str, use: Callable[[], Awaitable[object]]) -> None:
                with contextlib.suppress(StoreUnavailable):
                    if await use():
                        accepted[name] += 1

            async def present_all() -> None:
                uses = [*_uses(one).items(), *_uses(other).items()]
                await asyncio.gather(*(present(name, use) for name, use in uses))

            for _ in range(again):
                presented = asyncio.create_task(present_all())
                async with asyncio.timeout(_PATIENCE):
                    before = accepted.total()
                    while accepted.total() == before and not presented.done():
                        await asyncio.sleep(0)
                server.kill()
                await presented
                server.start()
                for node, store in enumerate((one, other)):
                    await _beat(store, f"n{node}")
            during = accepted.total()
            await present_all()
        assert set(accepted.values()) == {1}
        assert during > 0
    finally:
        server.remove()


async def _beat(store: PostgresqlStore, node: str) -> None:
    """Wait until a node is connected with the server again."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await store.beat(node, STATUS, joining=True)
                await store.account("alice")
                return
            await asyncio.sleep(0.05)
