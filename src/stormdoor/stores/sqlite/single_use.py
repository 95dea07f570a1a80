"""`Tickets`, `Nonces` and `Pendings` on SQLite: single use, also with simultaneous attempts."""

import sqlite3
from dataclasses import replace

from stormdoor.core.account import Account
from stormdoor.core.pending import Pending
from stormdoor.core.ticket import Ticket
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import PENDING, TICKET
from stormdoor.stores.sqlite.accounts import find_account
from stormdoor.stores.sqlite.part import Part, log_position

__all__ = ["SqliteSingleUse"]


class SqliteSingleUse(Part):
    """The write lock of the file serialises the attempts of all processes."""

    __slots__ = ()

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """See `Tickets.add_ticket`."""

        def add(connection: sqlite3.Connection) -> Ticket:
            stored = replace(ticket, position=log_position(connection))
            connection.execute(sql.ADD_TICKET, TICKET.row(stored))
            return stored

        return await self._database.write(add)

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """See `Tickets.redeem_ticket`."""

        def take(connection: sqlite3.Connection) -> tuple[Ticket, Account] | None:
            rows = connection.execute(sql.TAKE_TICKET, (id,)).fetchall()
            if not rows:
                return None
            ticket = TICKET.value(rows[0])
            account = find_account(connection, ticket.principal_id)
            return None if account is None else (ticket, account)

        return await self._take(take)

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """See `Nonces.use_nonce`."""
        row = (purpose, value, expires_at)
        return await self._database.write(
            lambda connection: connection.execute(sql.USE_NONCE, row).rowcount > 0
        )

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """See `Pendings.add_pending`."""
        row = PENDING.row(pending)
        if max_unauthenticated is None:
            await self._database.write(lambda connection: connection.execute(sql.ADD_PENDING, row))
            return True
        bounded = (*row, max_unauthenticated, pending.purpose)
        over = (pending.purpose, pending.created_at)

        def add(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.ADD_NOBODYS_PENDING, bounded).rowcount > 0:
                return True
            if connection.execute(sql.REMOVE_NOBODYS_PENDING, over).rowcount == 0:
                return False
            return connection.execute(sql.ADD_NOBODYS_PENDING, bounded).rowcount > 0

        return await self._database.write(add)

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.pending`."""
        rows = self._database.look_up(sql.PENDING_BY_ID, (id, purpose))
        return PENDING.value(rows[0]) if rows else None

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.take_pending`."""

        def take(connection: sqlite3.Connection) -> Pending | None:
            rows = connection.execute(sql.TAKE_PENDING, (id, purpose)).fetchall()
            return PENDING.value(rows[0]) if rows else None

        return await self._take(take)
