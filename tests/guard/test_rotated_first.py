"""A thief who rotates a stolen session first loses it when its owner or an operator ends a former id."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from stormdoor import Guard, Target
from stormdoor.auth.session.service import IssuedSession
from stormdoor.core.handshake import Handshake
from tests.guard.fakes import (
    HANDSHAKE,
    FakeStore,
    admit,
    make_guard,
    opened,
    refused,
    settle,
)

Ending = Callable[[Guard, IssuedSession], Awaitable[object]]


def _cookie(guard: Guard, issued: IssuedSession) -> Handshake:
    return replace(HANDSHAKE, cookies={guard.sessions.cookie.name: (issued.secret,)})


async def _log_out(guard: Guard, stolen: IssuedSession) -> object:
    return await guard.admin.log_out(stolen.secret)


async def _delete(guard: Guard, stolen: IssuedSession) -> object:
    return await guard.admin.end_session(stolen.session.id, owner="carol", actor="carol")


async def _revoke(guard: Guard, stolen: IssuedSession) -> object:
    return await guard.admin.revoke(Target.SESSION, stolen.session.id, actor="desk")


async def _log_in_again(guard: Guard, stolen: IssuedSession) -> object:
    again = await guard.sessions.create("carol", replacing=stolen.secret)
    await guard.follower.follow()
    await admit(guard, _cookie(guard, again))
    return True


ENDINGS = [_log_out, _delete, _revoke, _log_in_again]


async def _rotate(guard: Guard, issued: IssuedSession, how: str) -> IssuedSession:
    guard.clock.advance(60)  # type: ignore[attr-defined]
    renewed = await guard.sessions.rotate(
        issued.session, moving=how == "moving", authenticated=how == "authenticated"
    )
    assert renewed is not None
    await guard.follower.follow()
    return renewed


@pytest.mark.parametrize("how", ["rotated", "moving", "authenticated"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("end", ENDINGS)
async def test_successor_ends_with_a_former_id(end: Ending, times: int, how: str) -> None:
    """INVARIANT: the owner's old cookie, and an old id that an operator has, end the successor."""
    guard = await settle(make_guard())
    bystander = await guard.sessions.create("carol")
    stolen = await guard.sessions.create("carol")
    thief = stolen
    for _ in range(times):
        thief = await _rotate(guard, thief, how)
    connection, sink = await opened(guard, _cookie(guard, thief))
    assert await end(guard, stolen)
    await guard.follower.follow()
    assert not connection.open
    assert sink.closed is not None
    await refused(guard, _cookie(guard, thief))
    assert await guard.sessions.find(thief.secret) is None
    await admit(guard, _cookie(guard, bystander))
    await guard.close()


@pytest.mark.parametrize("named", [0, 1, 2])
async def test_each_former_id_ends_the_login(named: int) -> None:
    """An id from the middle of several rotations ends the login, too."""
    guard = await settle(make_guard())
    ids = [await guard.sessions.create("carol")]
    for _ in range(3):
        ids.append(await _rotate(guard, ids[-1], "moving"))
    assert await guard.admin.end_session(ids[named].session.id)
    assert await guard.sessions.sessions("carol") == []
    await guard.close()


@pytest.mark.parametrize("how", ["rotated", "moving", "authenticated"])
@pytest.mark.parametrize("first", [True, False], ids=["after a rotation", "before any"])
@pytest.mark.parametrize("end", ENDINGS)
async def test_successor_ends_that_is_made_between_read_and_write(
    end: Ending, first: bool, how: str
) -> None:
    """INVARIANT: the revocation reads, the rotation commits, the revocation writes: no successor stays."""
    store = FakeStore()
    guard = await settle(make_guard(store=store))
    stolen = thief = await guard.sessions.create("carol")
    if first:
        thief = await _rotate(guard, stolen, how)
    removals = [store.pause("remove_session", after=False) for _ in range(1 + (end is _revoke))]
    ending = asyncio.create_task(asyncio.wait_for(end(guard, stolen), 60))
    for pause in removals:
        await asyncio.wait_for(pause.reached.wait(), 60)
        thief = await _rotate(guard, thief, how)
        pause.go()
    assert await ending is not None
    await guard.follower.follow()
    await refused(guard, _cookie(guard, thief))
    assert len(await guard.sessions.sessions("carol")) == (end is _log_in_again)
    await guard.close()


async def test_session_of_another_principal_does_not_end() -> None:
    """An id that a principal does not own ends nothing, also if it is a former one."""
    guard = await settle(make_guard())
    issued = await guard.sessions.create("carol")
    renewed = await _rotate(guard, issued, "moving")
    assert not await guard.admin.end_session(issued.session.id, owner="mallory")
    await admit(guard, _cookie(guard, renewed))
    await guard.close()


async def test_use_of_a_former_cookie_ends_nothing() -> None:
    """A request that was on its way during a rotation is refused, and the login goes on."""
    guard = await settle(make_guard())
    issued = await guard.sessions.create("carol")
    renewed = await _rotate(guard, issued, "moving")
    assert await guard.sessions.find(issued.secret) is None
    await refused(guard, _cookie(guard, issued))
    await admit(guard, _cookie(guard, renewed))
    await guard.close()


async def test_trail_and_number_of_closed_connections_count_the_successor() -> None:
    """A revocation by a former id returns the closed connections, and the trail names owner and operator."""
    guard = await settle(make_guard())
    issued = await guard.sessions.create("carol")
    await opened(guard, _cookie(guard, issued))
    renewed = await _rotate(guard, issued, "moving")
    await opened(guard, _cookie(guard, renewed))
    done = await guard.admin.revoke(
        Target.SESSION, issued.session.id, actor="desk", reason="stolen"
    )
    assert done.closed == 2
    assert (await guard.admin.revoke(Target.SESSION, issued.session.id, actor="desk")).closed == 0
    await guard.trail.flush()
    entries = [entry.event for entry in await guard.state.trail.entries(event="session_ended")]
    assert [(one.principal, one.actor, one.detail) for one in entries] == [
        ("carol", "desk", "stolen")
    ]
    await guard.close()
