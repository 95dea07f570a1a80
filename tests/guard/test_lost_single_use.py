"""A restored backup loses the uses of values that count once: nodes refuse those from before it."""

from __future__ import annotations

from pathlib import Path

from stormdoor import Guard, Target, TicketAuthenticator
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.principal import Authentication
from tests.guard.fakes import HANDSHAKE, ORIGIN
from tests.guard.test_another_log import Server, serving
from tests.guard.test_lost_log import _lose, _node

_OFFER = Place(Source.SUBPROTOCOL, "stormdoor.ticket.")


async def _ticket(guard: Guard) -> Credential:
    session = (await guard.sessions.create("alice")).session
    issued = await guard.tickets.issue(session, origin=ORIGIN, endpoint="/ws")
    assert issued is not None
    return Credential(_OFFER, issued.secret)


async def _accepts(guard: Guard, ticket: Credential) -> bool:
    outcome = await TicketAuthenticator().authenticate(
        ticket, HANDSHAKE, state=guard.state, now=guard.clock.now()
    )
    return isinstance(outcome, Authentication)


async def _back_up_and_use(server: Server, *nodes: Guard) -> list[Credential]:
    """Lose the uses of two tickets, and of an entry of the log, which shows the loss."""
    tickets = [await _ticket(server.guard) for _ in range(2)]
    backup = server.back_up()
    for ticket in tickets:
        assert await _accepts(server.guard, ticket)
    await server.guard.admin.revoke(Target.CONNECTION, "none")
    await _lose(server, backup, *nodes)
    return tickets


async def test_used_ticket_stays_used(tmp_path: Path) -> None:
    """INVARIANT: a ticket opens once, also if the store has lost its use. A later ticket is accepted."""
    async with serving(tmp_path) as server:
        guard = server.guard
        used, other = await _back_up_and_use(server)
        await guard.tick()
        assert not await _accepts(guard, used)
        late = await _node(server.path)
        assert not await _accepts(late, other)
        assert await _accepts(late, await _ticket(guard))
        await late.state.close()


async def test_dated_values_of_before_the_change(tmp_path: Path) -> None:
    """All nodes refuse values that were dated before the first of them saw the change, late ones too."""
    async with serving(tmp_path) as server:
        guard = server.guard
        assert not guard.state.epoch.may_have_lost(guard.clock.now())
        await _back_up_and_use(server)
        await guard.tick()
        began = guard.clock.now()
        guard.clock.advance(30.0)  # type: ignore[attr-defined]
        late = await _node(server.path)
        for node in (guard, late):
            assert node.state.epoch.may_have_lost(began)
            assert not node.state.epoch.may_have_lost(began + 1.0)
        await late.state.close()


async def test_backup_that_is_restored_while_no_node_runs(tmp_path: Path) -> None:
    """The first node that starts on an unknown log with entries refuses values from before its start."""
    async with serving(tmp_path) as server:
        guard = server.guard
        await guard.admin.revoke(Target.CONNECTION, "none")
        used, _ = await _back_up_and_use(server)
        await guard.state.close()
        began = guard.clock.now()
        late = await _node(server.path)
        assert not await _accepts(late, used)
        assert late.state.epoch.may_have_lost(began)
        assert not late.state.epoch.may_have_lost(began + 1.0)
        await late.state.close()
        await guard.state.open()


async def test_nothing_is_refused_after_a_restart(tmp_path: Path) -> None:
    """A node that starts on the same log accepts tickets of before, and values of any date."""
    async with serving(tmp_path) as server:
        ticket = await _ticket(server.guard)
        late = await _node(server.path)
        assert await _accepts(late, ticket)
        assert not late.state.epoch.may_have_lost(1.0)
        await late.state.close()


async def test_own_log_comes_back(tmp_path: Path) -> None:
    """A node that could not follow another log accepts tickets again when its own log is back."""
    async with serving(tmp_path) as server:
        guard = server.guard
        ticket = await _ticket(guard)
        guard.state.epoch.change(guard.clock.now())
        assert not await _accepts(guard, ticket)
        await guard.follower.follow()
        assert await _accepts(guard, await _ticket(guard))
