"""`stormdoor.ports.Tickets` and `Nonces` on SQLite: what counts once, whoever comes at once."""

import sqlite3

from stormdoor.core.account import Account
from stormdoor.core.ticket import Ticket
from stormdoor.stores import statements as sql
from stormdoor.stores.rows import ticket_from, ticket_row
from stormdoor.stores.sqlite.accounts import find_account
from stormdoor.stores.sqlite.part import Part

__all__ = ["SqliteSingleUse"]


class SqliteSingleUse(Part):
    """Tickets and nonces. The write lock of the file puts all takers in a row, of all processes."""

    __slots__ = ()

    async def add_ticket(self, ticket: Ticket) -> None:
        """See `Tickets.add_ticket`."""
        row = ticket_row(ticket)
        await self._database.write(lambda connection: connection.execute(sql.ADD_TICKET, row))

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """See `Tickets.redeem_ticket`."""

        def take(connection: sqlite3.Connection) -> tuple[Ticket, Account] | None:
            rows = connection.execute(sql.TAKE_TICKET, (id,)).fetchall()
            if not rows:
                return None
            ticket = ticket_from(rows[0])
            account = find_account(connection, ticket.principal_id)
            return None if account is None else (ticket, account)

        return await self._database.write(take)

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """See `Nonces.use_nonce`."""
        row = (purpose, value, expires_at)
        return await self._database.write(
            lambda connection: connection.execute(sql.USE_NONCE, row).rowcount > 0
        )
