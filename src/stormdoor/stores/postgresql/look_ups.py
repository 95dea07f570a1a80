"""Short SELECTs that a handshake waits for: all of one turn of the event loop are one round trip."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence

import asyncpg

from stormdoor.errors import StoreUnavailable
from stormdoor.stores.postgresql.address import Address
from stormdoor.stores.postgresql.dialect import batched
from stormdoor.stores.postgresql.failure import LOST, UnsendableText, check_text, unavailable
from stormdoor.stores.postgresql.link import PostgresqlLink, Server
from stormdoor.stores.rows import Row

__all__ = ["LookUps"]

_log = logging.getLogger("stormdoor.store")

_SECONDS = 1.0
_MOST = 256  # sets of parameters in one statement
_FIRST = 3  # columns before those of the SELECT: see `batched`

_Keys = tuple[str, ...]
_Answer = asyncio.Future[list[Row]]


class LookUps:
    """Batches of look-ups on a connection of their own.

    Every answer carries the epoch of its server. INVARIANT: an answer under another epoch than that of the
    last beat is refused. After a failover, this connection may still reach the old primary.

    Args:
        address: The database.
        server: The server of the last beat.
    """

    __slots__ = (
        "_address",
        "_began",
        "_closing",
        "_late",
        "_link",
        "_more",
        "_task",
        "_timer",
        "_waiting",
        "epoch",
    )

    def __init__(self, address: Address, server: Server) -> None:
        # Always by an index, with one plan: a plan made while a table was small would read all of it.
        settings = {
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
            "jit": "off",
        }
        self._address = address
        self._link = PostgresqlLink(address, "look-ups", server, settings=settings)
        self._waiting: dict[str, dict[_Keys, list[_Answer]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._more: asyncio.Future[None] | None = None
        """What the Task waits for while there are no look-ups."""
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._began: float | None = None
        self._late = False
        self.epoch: str | None = None
        """The epoch of the last beat without the system identifier. Until the first beat, no lease exists."""

    async def open(self) -> None:
        """Connect."""
        await self._link.connection()

    async def close(self) -> None:
        """Answer the look-ups under way, and end the connection."""
        self._closing = True
        if self._task is not None:
            self._wake()
            await asyncio.wait([self._task])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._link.close()

    def look_up(self, statement: str, keys: _Keys) -> Awaitable[list[Row]]:
        """Return the rows of a short SELECT, of which the parameters are `keys`.

        Raises:
            StoreUnavailable: The database does not answer in time, or its epoch is not that of the last beat.
        """
        answer: _Answer = asyncio.get_running_loop().create_future()
        try:
            for key in keys:
                check_text(key)
        except UnsendableText:
            answer.set_result([])  # no stored text can be equal to it
            return answer
        self._waiting.setdefault(statement, {}).setdefault(keys, []).append(answer)
        self._wake()
        return answer

    def _wake(self) -> None:
        # It begins in the next turn of the loop, with all that this turn has added.
        more, self._more = self._more, None
        if more is not None and not more.done():
            more.set_result(None)
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        """Answer all look-ups, until the end. One Task serves them, because each costs as much as a batch."""
        while True:
            while self._waiting:
                statement = next(iter(self._waiting))
                batch = self._waiting.pop(statement)
                if len(batch) > _MOST:
                    rest = list(batch.items())
                    batch = dict(rest[:_MOST])
                    self._waiting[statement] = dict(rest[_MOST:])
                await self._answer(statement, batch)
            if self._closing:
                return
            self._more = asyncio.get_running_loop().create_future()
            await self._more

    async def _answer(self, statement: str, batch: dict[_Keys, list[_Answer]]) -> None:
        found: dict[int, list[Row]] = {}
        failure: StoreUnavailable | None = None
        try:
            rows = await self._fetch(batched(statement), list(zip(*batch, strict=True)))
            if self.epoch is not None and rows[0][0] != self.epoch:
                self._link.drop()
                failure = StoreUnavailable(
                    f"the store {self._address.name}: a look-up reached another server, or another epoch,"
                    " than the last heartbeat"
                )
            for row in rows:
                if row[2] is not None:
                    found.setdefault(row[1], []).append(row[_FIRST:])
        except (*LOST, asyncpg.PostgresError) as error:
            failure = unavailable(self._address.name, error)
        except Exception as error:  # noqa: BLE001 - see below
            # INVARIANT: a mistake answers its callers, and the next batch is served.
            _log.exception("a look-up failed")
            failure = StoreUnavailable(f"the store {self._address.name}: {error!r}")
        except BaseException as error:
            failure = StoreUnavailable(f"the store {self._address.name}: {error!r}")
            raise
        finally:
            for n, answers in enumerate(batch.values(), start=1):
                for answer in answers:
                    if answer.done():
                        continue  # its caller has gone
                    if failure is not None:
                        answer.set_exception(failure)
                    else:
                        answer.set_result(found.get(n, []))

    async def _fetch(self, statement: str, arrays: Sequence[_Keys]) -> list[asyncpg.Record]:
        """Return the rows; a connection that turns out to be lost is made again once."""
        if (connection := self._link.current) is not None:
            self._watch()
            try:
                return await connection.fetch(statement, *arrays)
            except LOST:
                self._link.drop()
                if self._late:
                    self._late = False
                    raise TimeoutError from None
            except asyncpg.PostgresError:
                raise
            except BaseException:
                self._link.drop()  # the answer may still come
                raise
            finally:
                self._began = None
        try:
            async with asyncio.timeout(_SECONDS):
                connection = await self._link.connection()
                return await connection.fetch(statement, *arrays)
        except asyncpg.PostgresError:
            raise
        except BaseException:
            self._link.drop()
            raise

    def _watch(self) -> None:
        """Begin the time limit of a statement. One timer serves many, because each costs more than a look."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        if self._timer is None:
            self._timer = loop.call_at(self._began + _SECONDS, self._check_time)

    def _check_time(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        if self._began is None:
            return
        if loop.time() >= self._began + _SECONDS:
            self._late = True
            self._link.drop()
        else:
            self._timer = loop.call_at(self._began + _SECONDS, self._check_time)
