"""A session that moves to a new secret keeps its own open connections and no others."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest

from stormdoor import ConfigurationError, Denial, Guard, StoreUnavailable, Target
from stormdoor.auth.session.service import IssuedSession
from stormdoor.core.handshake import Handshake
from stormdoor.core.revocation import Revocation
from stormdoor.guard.connection import Connection
from tests.guard.fakes import (
    HANDSHAKE,
    FakeSink,
    FakeStore,
    admit,
    make_guard,
    opened,
    refused,
    settle,
)


def _cookie(guard: Guard, issued: IssuedSession) -> Handshake:
    return replace(HANDSHAKE, cookies={guard.sessions.cookie.name: (issued.secret,)})


async def _at_home(
    store: FakeStore | None = None,
) -> tuple[Guard, IssuedSession, Connection, FakeSink]:
    guard = await settle(make_guard(store=store))
    issued = await guard.sessions.create("carol")
    return guard, issued, *(await opened(guard, _cookie(guard, issued)))


async def _moved(guard: Guard, issued: IssuedSession) -> IssuedSession:
    renewed = await guard.sessions.rotate(
        issued.session, authenticated=True, strength=2, moving=True
    )
    assert renewed is not None
    return renewed


async def test_a_connection_goes_along_as_it_is() -> None:
    """INVARIANT: it hangs on the new session, and is no fresher and no stronger than it was."""
    guard, issued, connection, sink = await _at_home()
    guard.clock.advance(60)  # type: ignore[attr-defined]
    renewed = await _moved(guard, issued)
    before = connection.authentication
    assert await guard.follower.follow() == 0
    assert connection.open
    assert sink.closed is None
    assert connection.authentication == replace(
        before, session_id=renewed.session.id, credential_id=renewed.session.id
    )
    assert (before.strength, renewed.session.strength) == (1, 2)


async def test_the_end_of_the_new_session_is_its_end() -> None:
    """A logout with the new cookie finds the old socket."""
    guard, issued, connection, sink = await _at_home()
    renewed = await _moved(guard, issued)
    await guard.follower.follow()
    assert await guard.admin.end_session(renewed.session.id)
    assert not connection.open
    assert sink.closed is not None
    assert sink.closed[0] == 3000


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("authenticated", [False, True])
async def test_revocation_ends_the_session_that_a_rotation_made_meanwhile(
    *, moving: bool, authenticated: bool
) -> None:
    """INVARIANT: a revoked session has no successor, also if another node rotates it just before."""
    store = FakeStore()
    guard, issued, *_ = await _at_home(store)
    guard.clock.advance(60)  # type: ignore[attr-defined]
    other = await guard.sessions.create("carol")
    guard.clock.advance(60)  # type: ignore[attr-defined]
    pause = store.pause("remove_session", after=False)
    revoked = asyncio.create_task(guard.admin.revoke(Target.SESSION, issued.session.id))
    await pause.reached.wait()
    renewed = await guard.sessions.rotate(
        issued.session, authenticated=authenticated, moving=moving
    )
    assert renewed is not None
    pause.go()
    assert (await revoked).closed == 1
    await guard.follower.follow()
    await refused(guard, _cookie(guard, renewed))
    await admit(guard, _cookie(guard, other))


async def test_other_connections_stay_where_they_are() -> None:
    """Of the same principal, with another session or another credential."""
    guard, issued, *_ = await _at_home()
    other = await guard.sessions.create("carol")
    connection, _ = await opened(guard, _cookie(guard, other))
    before = connection.authentication
    await _moved(guard, issued)
    await guard.follower.follow()
    assert connection.authentication is before


async def test_a_session_that_ended_before_its_move_was_heard_of() -> None:
    """INVARIANT: a revocation of the new session ends connections that move to it later."""
    guard, issued, connection, sink = await _at_home()
    await guard.ender.apply(Revocation(Target.SESSION, "new", guard.clock.now()))
    assert connection.open
    moved = Revocation(Target.MOVED, f"{issued.session.id} new", guard.clock.now())
    assert await guard.ender.apply(moved) == 1
    assert not connection.open
    assert sink.closed is not None


async def test_the_old_secret_opens_nothing() -> None:
    """The old secret is refused, also by a handshake that read the session before the move."""
    store = FakeStore()
    guard, issued, *_ = await _at_home(store)
    pause = store.pause("session")

    slow = asyncio.create_task(refused(guard, _cookie(guard, issued)))
    await pause.reached.wait()
    renewed = await _moved(guard, issued)
    await guard.follower.follow()
    pause.go()
    assert (await slow).denial is Denial.REVOKED
    assert (await refused(guard, _cookie(guard, issued))).denial is Denial.BAD_CREDENTIAL
    await admit(guard, _cookie(guard, renewed))


async def test_a_connection_that_is_not_open_yet_goes_along() -> None:
    """A connection that is registered, but not open yet, moves to the new session."""
    guard = await settle(make_guard())
    issued = await guard.sessions.create("carol")
    connection = await admit(guard, _cookie(guard, issued))
    renewed = await _moved(guard, issued)
    await guard.follower.follow()
    connection.sink = FakeSink()
    assert guard.registry.opened(connection)
    assert connection.authentication.session_id == renewed.session.id


async def test_idleness_is_that_of_the_new_session() -> None:
    """The socket lives on while the new session is used elsewhere."""
    guard, issued, connection, _ = await _at_home()
    clock: Any = guard.clock
    renewed = await _moved(guard, issued)
    await guard.follower.follow()
    clock.advance(1700)
    await guard.state.sessions.touch_sessions({renewed.session.id: clock.now()})
    clock.advance(200)
    await guard.deadlines.expire()
    assert connection.open
    clock.advance(1700)
    await guard.deadlines.expire()
    assert not connection.open


async def test_a_session_that_has_ended_does_not_move() -> None:
    """A session that has ended does not move, and the feed of revocations gets no entry."""
    guard, issued, *_ = await _at_home()
    await guard.sessions.end(issued.session.id)
    feed = len(await guard.state.revocations.revocations())
    assert await guard.sessions.rotate(issued.session, moving=True) is None
    assert len(await guard.state.revocations.revocations()) == feed


@pytest.mark.parametrize("target", [Target.MOVED, Target.CHANGED])
async def test_a_move_is_not_for_people_to_revoke(target: Target) -> None:
    """Only a rotation can add an entry `moved`; operators cannot."""
    guard = await settle(make_guard())
    with pytest.raises(ConfigurationError):
        await guard.admin.revoke(target, "a b")


async def test_a_move_that_is_cut_off_leaves_no_connection_behind() -> None:
    """The store fails at any moment of a step-up: a logout of what there is then finds the connection."""
    for method in ("replace_session", "add_revocation"):
        store = FakeStore()
        guard, issued, connection, _ = await _at_home(store)
        store.broken[method] = StoreUnavailable("the store went down")
        with contextlib.suppress(StoreUnavailable):
            await guard.sessions.rotate(issued.session, authenticated=True, moving=True)
        del store.broken[method]
        await guard.follower.follow()
        assert await guard.admin.end_other_sessions("carol") == 1
        assert not connection.open
        await guard.close()
