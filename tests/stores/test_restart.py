"""A used or ended credential stays so after a restart, from the file alone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stormdoor.core.factor import FactorKind
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.ports import Store
from stormdoor.stores import MemoryStore, SqliteStore
from stormdoor.testing.contract.support import (
    NOW,
    account,
    factor,
    opened,
    pending,
    placed,
    session,
    ticket,
)

Step = Callable[[Store], Awaitable[bool]]


async def _ticket(store: Store) -> bool:
    return await store.redeem_ticket("t1") is not None


async def _nonce(store: Store) -> bool:
    return await store.use_nonce("dpop", "j1", NOW + 60)


async def _totp(store: Store) -> bool:
    return bool(await store.use_factor("totp", counter=59_000_000, at=NOW))


async def _passkey(store: Store) -> bool:
    return bool(await store.use_factor("passkey", counter=7, at=NOW))


async def _recovery_code(store: Store) -> bool:
    return bool(await store.use_recovery_code("alice", "h1"))


async def _pending(store: Store) -> bool:
    return await store.take_pending("p1", "second-factor") is not None


async def _guess(store: Store) -> bool:
    return await store.set_factor_failures("alice", 1, NOW, expected=0)


async def _session(store: Store) -> bool:
    return bool(await store.remove_session("s1"))


async def _rotated_session(store: Store) -> bool:
    return await store.replace_session("s1", session("s2", "alice")) is not None


async def _link(store: Store) -> bool:
    return bool(await store.unlink_identity("https://id.example", "1", NOW))


USES = [
    _ticket,
    _nonce,
    _totp,
    _passkey,
    _recovery_code,
    _pending,
    _guess,
    _session,
    _rotated_session,
    _link,
]


async def _fill(store: Store) -> None:
    await store.add_account(account("alice"))
    await store.add_session(session("s1", "alice"))
    await store.add_ticket(ticket("t1", "alice"))
    await store.add_factor(factor("totp", "alice", kind=FactorKind.TOTP, handle=None))
    await store.add_factor(factor("passkey", "alice"))
    await store.set_recovery_codes("alice", ["h1", "h2"])
    await store.add_pending(pending("p1", "alice"))
    await store.link_identity("https://id.example", "1", "alice", NOW)


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__.strip("_"))
async def test_a_second_use_after_a_restart_is_refused(use: Step, path: Path) -> None:
    """INVARIANT: once before the restart is once; the replay after it finds nothing."""
    async with opened(SqliteStore(path)) as store:
        await _fill(store)
        assert await use(store) is True
    async with opened(SqliteStore(path)) as store:
        assert await use(store) is False


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__.strip("_"))
async def test_the_attack_works_where_nothing_is_remembered(use: Step) -> None:
    """The attack first: on a store that a restart empties, the same replay goes through."""
    for _ in range(2):
        async with opened(MemoryStore()) as store:
            await _fill(store)
            assert await use(store) is True


@pytest.mark.parametrize(
    "target", [Target.SESSION, Target.CREDENTIAL, Target.PRINCIPAL, Target.MOVED]
)
async def test_a_revocation_is_known_after_a_restart(target: Target, path: Path) -> None:
    """After a restart the store returns the whole feed of revocations."""
    values = {
        Target.SESSION: "s1",
        Target.CREDENTIAL: "c1",
        Target.PRINCIPAL: "alice",
        Target.MOVED: "s1 s2",
    }
    async with opened(SqliteStore(path)) as store:
        await store.add_revocation(Revocation(target, values[target], NOW))
    async with opened(SqliteStore(path)) as store:
        index = RevocationIndex(await store.revocations())
    presented = Authentication(
        Principal("alice"),
        "session",
        credential_id="c1",
        ambient=True,
        authenticated_at=NOW,
        issued_at=NOW,
        session_id="s1",
    )
    assert index.ends(presented)


async def test_a_session_goes_on_after_a_restart(path: Path) -> None:
    """A session stays valid after a restart."""
    async with opened(SqliteStore(path)) as store:
        await _fill(store)
    async with opened(SqliteStore(path)) as store:
        assert await store.session("s1") == (
            await placed(store, session("s1", "alice")),
            account("alice"),
        )
