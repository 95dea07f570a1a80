"""A change and its entry in the log of revocations are one transaction: a crash leaves both or none."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor.core.account import Account
from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import Store
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import account, factor, key, opened, session
from tests.stores.processes import other_process

CHANGES = {
    "role": 'admin.withdraw_role("alice", "member")',
    "attributes": 'admin.set_attributes("alice", {"level": 1})',
    "disabled": 'admin.set_disabled("alice", True)',
    "password": 'admin.set_password("alice", "an entirely new password")',
    "removed": 'admin.remove_principal("alice")',
    "session": 'admin.end_session("s1")',
    "key": 'admin.revoke_key("k1")',
    "key with an overlap": 'admin.rotate_key("k1")',
    "key without an overlap": 'admin.rotate_key("k1", overlap_seconds=0)',
    "factor": 'admin.remove_factor("alice", "f1")',
}

CRASH = """
    import os, signal
    from stormdoor import Guard
    from stormdoor.stores.sqlite.database import Database
    guard = Guard(store=f"sqlite:{{path}}", production=False)
    await guard.state.open()
    admin = guard.admin
    left = {writes}
    write = Database.write
    async def crashing(self, *args, **options):
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return await write(self, *args, **options)
    Database.write = crashing
    await {change}
    await guard.state.close()
"""


async def _seen(store: Store) -> tuple[Account | None, object]:
    found = await store.account("alice")
    sessions = [one.id for one in await store.sessions("alice")]
    keys = [(one.id, one.expires_at) for one in await store.keys("alice")]
    owned = sessions, keys, await store.factors("alice")
    return found and replace(found, attributes={**found.attributes}), owned


def _informed(news: list[Revocation]) -> bool:
    """Return whether another process learns of the change from the log."""
    targets = {one.target for one in news}
    return bool(targets & {Target.PRINCIPAL, Target.CHANGED, Target.SESSION, Target.CREDENTIAL})


@pytest.mark.sampled(12)
@pytest.mark.parametrize("change", CHANGES)
async def test_a_crash_leaves_no_change_without_its_entry(change: str, path: Path) -> None:
    """A process that is killed before any of its writes has informed the others of what it changed."""
    async with opened(SqliteStore(path)) as store:
        await store.add_account(account("alice"))
        await store.add_session(session("s1", "alice"))
        await store.add_key(replace(key("k1", "alice"), expires_at=None))
        await store.add_factor(factor("f1", "alice"))
        before = await _seen(store)
        for writes in range(6):
            at = (await store.log_position()).seq
            process = other_process(CRASH.format(writes=writes, change=CHANGES[change]), path)
            out, err = await asyncio.to_thread(process.communicate)
            assert process.returncode in (0, -signal.SIGKILL), (out, err)
            news = await store.revocations(at)
            assert _informed(news) or await _seen(store) == before, f"after {writes} writes"
            if process.returncode == 0 or await _seen(store) != before:
                break
        assert await _seen(store) != before
