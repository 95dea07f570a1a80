"""`Tickets`, `Nonces` and `Pendings` on PostgreSQL: single use, also with simultaneous attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stormdoor.core.account import Account
from stormdoor.core.pending import Pending
from stormdoor.core.ticket import Ticket
from stormdoor.stores import statements as sql
from stormdoor.stores.postgresql.accounts import find_account
from stormdoor.stores.postgresql.log import log_position
from stormdoor.stores.postgresql.part import PostgresqlPart
from stormdoor.stores.postgresql.transaction import Transaction
from stormdoor.stores.rows import PENDING, TICKET

__all__ = ["PostgresqlSingleUse"]

# One lock for each purpose; the first number is this program's. Two purposes may share one.
_LOCK_PURPOSE: Final = "SELECT pg_advisory_xact_lock(21317, hashtext(CAST(? AS TEXT)))"


class PostgresqlSingleUse(PostgresqlPart):
    """The lock of a row, or of a value in a unique index, serialises the attempts of all nodes.

    Every use is durable: after a failover to a standby that has confirmed each commit, it is still used.
    """

    __slots__ = ()

    async def add_ticket(self, ticket: Ticket) -> Ticket:
        """See `Tickets.add_ticket`."""

        async def add(transaction: Transaction) -> Ticket:
            stored = replace(ticket, position=await log_position(transaction))
            await transaction.change(sql.ADD_TICKET, *TICKET.row(stored))
            return stored

        return await self._database.write(add, order=ticket.principal_id)

    async def redeem_ticket(self, id: str) -> tuple[Ticket, Account] | None:
        """See `Tickets.redeem_ticket`."""

        async def take(transaction: Transaction) -> tuple[Ticket, Account] | None:
            rows = await transaction.rows(sql.TAKE_TICKET, id)
            if not rows:
                return None
            ticket = TICKET.value(rows[0])
            account = await find_account(transaction, ticket.principal_id)
            return None if account is None else (ticket, account)

        return await self._take(take, row=id)

    async def use_nonce(self, purpose: str, value: str, expires_at: float) -> bool:
        """See `Nonces.use_nonce`."""
        return await self._run(sql.USE_NONCE, (purpose, value, expires_at), row=value) > 0

    async def add_pending(
        self, pending: Pending, *, max_unauthenticated: int | None = None
    ) -> bool:
        """See `Pendings.add_pending`."""
        row = PENDING.row(pending)
        if max_unauthenticated is None:
            await self._run(sql.ADD_PENDING, row, order=pending.principal_id or "")
            return True
        bounded = (*row, max_unauthenticated, pending.purpose)
        over = (pending.purpose, pending.created_at)

        async def add(transaction: Transaction) -> bool:
            # INVARIANT: one transaction counts and adds; another would not see the row of this one.
            await transaction.rows(_LOCK_PURPOSE, pending.purpose)
            if await transaction.change(sql.ADD_NOBODYS_PENDING, *bounded) > 0:
                return True
            if await transaction.change(sql.REMOVE_NOBODYS_PENDING, *over) == 0:
                return False
            return await transaction.change(sql.ADD_NOBODYS_PENDING, *bounded) > 0

        return await self._database.write(add, order=pending.purpose)

    async def pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.pending`."""
        rows = await self._database.look_up(sql.PENDING_BY_ID, id, purpose)
        return PENDING.value(rows[0]) if rows else None

    async def take_pending(self, id: str, purpose: str) -> Pending | None:
        """See `Pendings.take_pending`."""

        async def take(transaction: Transaction) -> Pending | None:
            rows = await transaction.rows(sql.TAKE_PENDING, id, purpose)
            return PENDING.value(rows[0]) if rows else None

        return await self._take(take, row=id)
