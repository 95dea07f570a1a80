"""Mutations of a node: each switches off one part of the design, which the checkers must notice."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stormdoor import Guard
from stormdoor.core.lease import Lease
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Revocation
from stormdoor.guard.observed_rows import ObservedRows
from stormdoor.ports import Member
from stormdoor.stores import statements
from stormdoor.stores.sqlite import SqliteStore
from stormdoor.tornado.fast.outgoing import Outgoing

__all__ = ["MUTATIONS", "mutate"]

_LATER_SECONDS = 3.0


def mutate(guard: Guard, name: str) -> None:
    """Switch off the part of that name in `guard`; nothing for ""."""
    if name:
        MUTATIONS[name](guard)


def _without_lease(guard: Guard) -> None:
    """The lease never lapses."""
    guard.lease.until = float("inf")
    _without_blocks()
    Lease.lapse = lambda self: None  # type: ignore[method-assign]


def _without_blocks() -> None:
    """A node that was stopped does not let its lease lapse by itself."""
    Lease.keep = lambda self, now, running_until: None  # type: ignore[method-assign]


class _Wrapped:
    """An object of which some attributes are replaced."""

    def __init__(self, wrapped: Any, **replaced: Any) -> None:
        self.__dict__.update(replaced, _wrapped=wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


class _AnyEpoch(str):
    """An epoch that is equal to each other one. Histories still contain the right one."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def _on_sqlite(guard: Guard) -> bool:
    return isinstance(guard.state.engines[0], SqliteStore)


def _replace(guard: Guard, **parts: Any) -> None:
    for name, part in parts.items():
        object.__setattr__(guard.state, name, part)


def _without_epoch(guard: Guard) -> None:
    """All servers and all logs count as one, and a head that goes back is not noticed."""
    store: Any = guard.state.engines[0]
    members, revocations = guard.state.members, guard.state.revocations

    highest = 0

    def same(position: LogPosition) -> LogPosition:
        nonlocal highest
        highest = max(highest, position.seq)
        return LogPosition(_AnyEpoch(position.epoch), highest)

    async def beat(*args: Any, **options: Any) -> LogPosition:
        return same(await members.beat(*args, **options))

    async def log_position() -> LogPosition:
        return same(await revocations.log_position())

    async def head_and_entries(after: int) -> tuple[LogPosition, list[Revocation]]:
        head, entries = await revocations.head_and_entries(after)
        return same(head), entries

    _replace(
        guard,
        members=_Wrapped(members, beat=beat),
        revocations=_Wrapped(
            revocations, log_position=log_position, head_and_entries=head_and_entries
        ),
    )
    if _on_sqlite(guard):
        return
    opening = store.open

    async def opened() -> None:
        await opening()
        heartbeat = store._database.heartbeat
        # Other connections keep the server that they have, and compare no epoch.
        heartbeat._server = _Wrapped(None)
        heartbeat._look_ups = _Wrapped(None)

    _replace(guard, engines=(_Wrapped(store, open=opened),))


def _without_outbox(guard: Guard) -> None:
    """A change is acknowledged before its entry is in the log, which another transaction adds later."""
    later: set[asyncio.Task[object]] = set()

    def split(part: Any) -> Any:
        return _Wrapped(
            part,
            **{
                name: change(getattr(part, name))
                for name in dir(part)
                if not name.startswith("_")
                and inspect.iscoroutinefunction(method := getattr(part, name))
                and "entry" in inspect.signature(method).parameters
            },
        )

    log = guard.state.revocations

    async def add_revocation(entry: Revocation) -> Revocation:
        head = await log.log_position()

        async def add() -> None:
            await asyncio.sleep(_LATER_SECONDS)
            await log.add_revocation(entry)

        later.add(asyncio.create_task(add()))
        return entry.placed(head)

    def change(method: Any) -> Any:
        async def changed(*args: Any, entry: Revocation | None = None, **options: Any) -> Any:
            result = await method(*args, **options)
            return await add_revocation(entry) if result and entry is not None else result

        return changed

    parts = {name: split(getattr(guard.state, name)) for name in ("accounts", "sessions", "keys")}
    _replace(guard, revocations=_Wrapped(log, add_revocation=add_revocation), **parts)


def _without_compare_and_set(guard: Guard) -> None:
    """A node that was declared lapsed goes on with its beats, and does not learn of it."""
    statements.HEAD_FOR_NODE = statements.HEAD_FOR_NODE.replace("n.declared", "FALSE")
    if _on_sqlite(guard):
        return
    from stormdoor.stores.postgresql import members

    written = "(SELECT count(*) FROM written)"
    assert written in members._BEAT
    members._BEAT = members._BEAT.replace(written, "1")  # type: ignore[misc]


def _without_observation(guard: Guard) -> None:
    """The age of a row by the store's clock ends the wait for its node, and that clock was set.

    The schedule for SQLite stops the node, which would notice that.
    """
    _without_blocks()
    members = guard.state.members

    async def aged() -> list[Member]:
        return [replace(one, age=float("inf")) for one in await members.members()]

    def is_old(_: ObservedRows, member: Member) -> bool:
        return member.age > member.status.lease

    _replace(guard, members=_Wrapped(members, members=aged))
    ObservedRows.outlast_lease = is_old  # type: ignore[assignment, method-assign]


def _without_warning(guard: Guard) -> None:
    """A heartbeat that PostgreSQL answers with a warning renews the lease."""
    from stormdoor.stores.postgresql.link import PostgresqlLink

    listen = PostgresqlLink._listen

    def heard(self: PostgresqlLink, _: object, message: Any) -> None:
        if self._purpose != "heartbeat":
            listen(self, _, message)

    PostgresqlLink._listen = heard  # type: ignore[method-assign]


def _without_dropping(guard: Guard) -> None:
    """The output buffer of a slow reader is sent after a revocation."""
    Outgoing.withdraw = lambda self: None  # type: ignore[method-assign]
    Outgoing.may_write = lambda self: True  # type: ignore[method-assign]


def _without_epoch_of_look_ups(guard: Guard) -> None:
    """Look-ups stay on their server, and a look-up compares no epoch."""
    from stormdoor.stores.postgresql.link import Server
    from stormdoor.stores.postgresql.look_ups import LookUps

    init = LookUps.__init__

    def made(self: LookUps, address: Any, server: Server) -> None:
        init(self, address, Server())

    LookUps.__init__ = made  # type: ignore[method-assign]
    no_epoch = property(lambda self: None, lambda self, value: None)
    LookUps.epoch = no_epoch  # type: ignore[assignment, misc]


MUTATIONS: dict[str, Callable[[Guard], None]] = {
    "lease": _without_lease,
    "outbox": _without_outbox,
    "dropping": _without_dropping,
    "compare-and-set": _without_compare_and_set,
    "observation": _without_observation,
    "warning": _without_warning,
    "look-ups": _without_epoch_of_look_ups,
    "epoch": _without_epoch,
}
"""Each switches a part off in a guard that has not started; see `tests.chaos.schedules`."""
