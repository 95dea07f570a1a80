"""Connections that can send their credential only in a first message.

They have passed the cheap checks (origin, host, rates, caps) and the 101 was sent, so they use a place
without an authenticated principal. Therefore few may wait, for a short time, and the guard reads exactly
one text message of limited size. Nothing is sent to them, and no method of the handler runs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.in_band import read_authenticate
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.admission import Admission
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.ports import Clock

__all__ = ["Antechamber"]

_log = logging.getLogger("stormdoor.antechamber")

_CONTROLS = 10
"""Pings and pongs that a connection may send before it has authenticated."""


@dataclass(slots=True)
class _Wait:
    handshake: Handshake
    controls: int = 0
    taken: bool = False


class Antechamber:
    """The connections of this process that wait for their first message.

    Args:
        admission: Verifies the credential and completes the handshake.
        registry: Registry that counts the connections.
        limits: Limits on their number, time and message size.
        clock: Source of the time.
    """

    def __init__(
        self, *, admission: Admission, registry: Registry, limits: Limits, clock: Clock
    ) -> None:
        self._admission = admission
        self._registry = registry
        self._limits = limits
        self._clock = clock
        self._waits: dict[Connection, _Wait] = {}
        self._addresses: dict[str, int] = {}
        registry.on_end.append(self._leave)
        admission.antechamber = self

    def __len__(self) -> int:
        return len(self._waits)

    def room(self, address_key: str) -> Refusal | None:
        """Return the refusal if no further connection from this address may wait."""
        limits = self._limits
        if len(self._waits) >= limits.pending:
            detail = f"limits.pending = {limits.pending} is reached"
            return Refusal(Denial.BUSY, detail, retry_after=5)
        if self._addresses.get(address_key, 0) >= limits.pending_per_address:
            detail = f"limits.pending_per_address = {limits.pending_per_address} is reached"
            return Refusal(Denial.TOO_MANY_CONNECTIONS, detail, retry_after=5)
        return None

    def enter(self, connection: Connection, handshake: Handshake) -> None:
        """Add a waiting connection. INVARIANT: it stays until `_leave`, at the latest when it ends."""
        connection.wait_until(self._clock.monotonic() + self._limits.first_message_seconds)
        self._waits[connection] = _Wait(handshake)
        key = connection.address_key
        self._addresses[key] = self._addresses.get(key, 0) + 1

    def _leave(self, connection: Connection) -> None:
        if self._waits.pop(connection, None) is None:
            return
        left = self._addresses.get(connection.address_key, 0) - 1
        if left > 0:
            self._addresses[connection.address_key] = left
        else:
            self._addresses.pop(connection.address_key, None)

    def control(self, connection: Connection) -> None:
        """Count a ping or pong of a waiting connection: the handler never sees it, and few are allowed."""
        wait = self._waits.get(connection)
        if wait is None:
            return
        wait.controls += 1
        if wait.controls > _CONTROLS:
            self._refuse(
                connection, wait, Refusal(Denial.NO_CREDENTIAL, "pings, and no credential")
            )

    async def first(self, connection: Connection, raw: str | bytes) -> Refusal | None:
        """Evaluate the first message.

        Returns:
            None if the connection is open now; else the refusal that ended it.
        """
        wait = self._waits.get(connection)
        if wait is None or wait.taken:
            return connection.closed_by or Refusal(Denial.ENDED, "it does not wait any more")
        wait.taken = True
        try:
            refusal = await self._judge(connection, wait, raw)
        except StoreUnavailable as error:
            refusal = Refusal(Denial.UNAVAILABLE, f"the store does not answer: {error}")
        except Exception:  # noqa: BLE001 - fail closed on any error
            _log.exception("the first message of connection %s", connection.id)
            refusal = Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
        except BaseException:
            self._registry.end(connection)
            raise
        if refusal is not None:
            self._refuse(connection, wait, refusal)
        return refusal

    async def _judge(self, connection: Connection, wait: _Wait, raw: str | bytes) -> Refusal | None:
        token = self._read(connection, raw)
        if isinstance(token, Refusal):
            return token
        found = await self._admission.verify(token, wait.handshake, connection.address_key)
        # INVARIANT: no await from here on.
        if isinstance(found, Refusal):
            return found
        return self._let_in(connection, wait, found)

    def _read(self, connection: Connection, raw: str | bytes) -> str | Refusal:
        """Return the credential in the first message. Any other message counts as a failed authentication."""
        limits, fault = self._limits, ""
        if self._clock.monotonic() >= connection.deadline:
            return Refusal(Denial.NO_CREDENTIAL, "the first message came too late")
        if isinstance(raw, bytes):
            fault = "the first message is binary"
        elif len(raw.encode("utf-8", "surrogatepass")) > limits.first_message_bytes:
            fault = f"it has more than limits.first_message_bytes = {limits.first_message_bytes}"
        else:
            found = read_authenticate(raw)
            if found is not None:
                # It arrived in time. The client does not control how long the verification takes.
                connection.wait_until(self._clock.monotonic() + limits.authentication_seconds)
                return found.token
            fault = "the first message is no stormdoor.authenticate"
        self._admission.failed(connection.address_key)
        return Refusal(Denial.NO_CREDENTIAL, fault)

    def _let_in(
        self, connection: Connection, wait: _Wait, authentication: Authentication
    ) -> Refusal | None:
        """Caps, permission, revocations, and open: one step without an await."""
        if connection.state is State.ENDED:
            return connection.closed_by or Refusal(Denial.ENDED, "it has ended meanwhile")
        if self._clock.monotonic() >= connection.deadline:
            return Refusal(Denial.AUTHENTICATION_TIMEOUT, "its credential took too long")
        refusal = self._admission.let_in(connection, authentication)
        if refusal is not None:
            return refusal
        self._leave(connection)
        self._registry.opened(connection)
        self._admission.admitted(wait.handshake, connection)
        return None

    def _refuse(
        self,
        connection: Connection,
        wait: _Wait,
        refusal: Refusal,
    ) -> None:
        if not self._registry.end(connection, refusal, recorded=False):
            return
        known = not connection.waiting
        self._admission.refused(
            wait.handshake,
            refusal,
            permission=connection.endpoint.permission or "",
            kind=connection.authentication.kind,
            principal=connection.principal.id if known else "",
        )
