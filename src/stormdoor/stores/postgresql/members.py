"""`stormdoor.ports.Members` and `stormdoor.ports.Connections` on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from stormdoor.core.lease import LEASE_SECONDS
from stormdoor.core.log_position import LogPosition
from stormdoor.core.revocation import Target
from stormdoor.errors import NodeNameTaken, NotAMember
from stormdoor.ports import LiveConnection, Member, NodeStatus
from stormdoor.ports.replicated import Confirmation
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.dialect import EPOCH
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import (
    CONNECTION,
    connection_row,
    join_row,
    member_from,
    status_row,
    tenants_from,
)

__all__ = ["PostgresqlConnections", "PostgresqlMembers", "confirmation_of"]

_CLOCK: Final = "extract(epoch FROM clock_timestamp())"
_JOIN_SECONDS: Final = 2.0
# One statement, so that the head and the state of the node are of one moment. The head contains every entry
# that was committed before it began.
_WITH_HEAD: Final = f"""
WITH written AS ({{0}} RETURNING 1)
SELECT {EPOCH}, c.value, (SELECT count(*) FROM written)
FROM revocation_log l CROSS JOIN counter c WHERE c.name = 'revocation'
"""  # noqa: S608 - a constant
_JOIN: Final = _WITH_HEAD.format(sql.JOIN_NODE.replace("FALSE, ?", f"FALSE, {_CLOCK}", 1))
_BEAT: Final = _WITH_HEAD.format(sql.RECORD_BEAT.replace("alive_at = ?", f"alive_at = {_CLOCK}"))
# Not below 0, which would be a node of an earlier start of the machine: a clock set back ends no lease.
_MEMBERS: Final = sql.MEMBERS.replace("? - alive_at", f"greatest(0, {_CLOCK} - alive_at)::float8")
_DECLARE: Final = sql.DECLARE_LAPSED.replace("alive_at = ?", f"alive_at = {_CLOCK}")
# The connections that write set `synchronous_commit` themselves.
_STANDBYS: Final = "SELECT current_setting('synchronous_standby_names')"
_METHOD: Final = re.compile(r"\s*(FIRST|ANY)?\s*(\d+)\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r'"(?:[^"]|"")*"|[^\s,"]+')


def confirmation_of(names: str) -> Confirmation:
    """Return what a value of `synchronous_standby_names` means for a failover.

    INVARIANT: `ANY` is never every standby, also if it names one alone. Patroni writes it in its quorum mode,
    in which a standby that is not named may be promoted; the named ones then confirm an old primary.

    Args:
        names: The value, as PostgreSQL defines it. Patroni writes it, too.
    """
    method = _METHOD.fullmatch(names)
    word, count, listed = method.groups() if method else (None, 1, names)
    standbys = {one.strip('"') for one in _NAME.findall(listed)}
    if not standbys:
        return Confirmation.NONE
    some = (word or "").upper() == "ANY" or "*" in standbys or int(count) < len(standbys)
    return Confirmation.SOME if some else Confirmation.EVERY


class PostgresqlMembers(PostgresqlPart):
    """The nodes of the installation. The clock of the server is the engine's."""

    __slots__ = ()

    lease_seconds = LEASE_SECONDS["PostgreSQL"]

    async def beat(
        self,
        node: str,
        status: NodeStatus,
        *,
        joining: bool = False,
        replacing: Member | None = None,
    ) -> LogPosition:
        """See `Members.beat`. It is a write, which a server without its standby cannot commit."""
        self._database.check_open()
        beat = self._database.heartbeat.beat
        if joining:
            row = join_row(status, replacing)
            return await beat(
                _JOIN, node, *row, seconds=_JOIN_SECONDS, unwritten=NodeNameTaken(node)
            )
        seconds = max(self.lease_seconds, min(status.lease, _JOIN_SECONDS))
        row = (*status_row(status), node, status.instance)
        return await beat(_BEAT, *row, seconds=seconds, unwritten=NotAMember())

    async def members(self) -> list[Member]:
        """See `Members.members`."""
        return [member_from(row) for row in await self._database.list_rows(_MEMBERS)]

    async def declare_lapsed(self, node: str, seen: int) -> bool:
        """See `Members.declare_lapsed`. It waits for the commit of a beat that is under way."""

        async def declare(transaction: Transaction) -> bool:
            return await transaction.change(_DECLARE, node, seen) > 0 or bool(
                await transaction.rows(sql.DECLARED, node, seen)
            )

        return await self._database.write(declare)

    async def confirmation(self) -> Confirmation:
        """See `Replicated.confirmation`."""
        ((named,),) = await self._database.list_rows(_STANDBYS)
        return confirmation_of(str(named))

    async def remove_member(self, node: str, instance: str = "") -> None:
        """See `Members.remove_member`. The schema also removes its connections."""
        await self._run(sql.REMOVE_NODE, (node, instance))

    async def remove_lapsed(self, seen: Member) -> None:
        """See `Members.remove_lapsed`. The schema also removes its connections."""
        await self._run(sql.REMOVE_LAPSED, (seen.node, seen.status.instance, seen.beat))


class PostgresqlConnections(PostgresqlPart):
    """The list of open connections."""

    __slots__ = ()

    async def sync_connections(
        self, node: str, opened: Iterable[LiveConnection], closed: Iterable[str]
    ) -> None:
        """See `Connections.sync_connections`."""
        added = [connection_row(node, each) for each in opened]
        removed = [(node, id) for id in closed]

        async def sync(transaction: Transaction) -> None:
            await transaction.change_many(sql.ADD_CONNECTION, added)
            await transaction.change_many(sql.REMOVE_CONNECTION, removed)

        if added or removed:
            await self._database.write(sync, durable=False)

    async def live_connections(self, nodes: Iterable[str]) -> list[LiveConnection]:
        """See `Connections.live_connections`."""
        known = frozenset(nodes)
        found = map(CONNECTION.value, await self._database.list_rows(sql.LIVE_CONNECTIONS))
        return [one for one in found if one.node in known]

    async def connections_after(
        self, place: tuple[str, str], *, limit: int
    ) -> list[LiveConnection]:
        """See `Connections.connections_after`."""
        rows = await self._database.list_rows(sql.CONNECTIONS_AFTER, (*place, limit))
        return [CONNECTION.value(row) for row in rows]

    async def tenants_of_connections(self, target: Target, value: str) -> set[str | None]:
        """See `Connections.tenants_of_connections`."""
        rows = await self._database.list_rows(*sql.tenants_of_connections(target, value))
        return tenants_from(rows, target, value)
