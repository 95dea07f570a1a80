"""Authentication by the first message of a connection, for clients that cannot send headers.

The guard reads exactly one text message of limited size. Before it is accepted, nothing is sent to the
client, and no method of the handler runs. Behind the fence, the message waits for the lease.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.in_band import read_authenticate
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication
from stormdoor.guard.connection import Connection
from stormdoor.guard.freshness import Fence
from stormdoor.guard.handshake import HandshakePipeline, refusal_for
from stormdoor.guard.handshake_parts import HandshakeParts
from stormdoor.guard.pending_connections import PendingConnection
from stormdoor.guard.registry import Registry
from stormdoor.ports import Clock

__all__ = ["FirstMessageAuthentication"]

_log = logging.getLogger("stormdoor.first_message")

_CONTROLS = 10
"""Pings and pongs that a connection may send before it has authenticated."""


@dataclass(eq=False, kw_only=True)
class FirstMessageAuthentication:
    """Authenticates the connections that wait for their first message.

    Attributes:
        pipeline: Records the results.
        parts: Verify the credential, count failures, hold the waiting connections, complete the handshake.
        registry: Registry that counts the connections.
        fence: Holds a message while the lease has lapsed.
        limits: Limits on the time and size of the message.
        clock: Source of the time.
    """

    pipeline: HandshakePipeline
    parts: HandshakeParts
    registry: Registry
    fence: Fence
    limits: Limits
    clock: Clock

    def receive_control(self, connection: Connection) -> None:
        """Count a ping or pong of a waiting connection, and end the connection after too many."""
        waiting = self.parts.pending.get(connection)
        if waiting is None:
            return
        waiting.controls += 1
        if waiting.controls > _CONTROLS:
            self._refuse(
                connection, waiting, Refusal(Denial.NO_CREDENTIAL, "pings, and no credential")
            )

    async def receive(self, connection: Connection, raw: str | bytes) -> Refusal | None:
        """Evaluate the first message.

        Returns:
            None if the connection is open now; else the refusal that ended it.
        """
        waiting = self.parts.pending.get(connection)
        if waiting is None or waiting.taken:
            return connection.closed_by or Refusal(Denial.ENDED, "it does not wait any more")
        waiting.taken = True
        try:
            refusal = await self._authenticate(connection, waiting, raw)
        except Exception as error:  # noqa: BLE001 - fail closed on any error
            refusal = refusal_for(error, _log, f"the first message of connection {connection.id}")
        except BaseException:
            self.registry.end(connection)
            raise
        if refusal is not None:
            self._refuse(connection, waiting, refusal)
        return refusal

    async def _authenticate(
        self, connection: Connection, waiting: PendingConnection, raw: str | bytes
    ) -> Refusal | None:
        token = self._read(connection, raw)
        if isinstance(token, Refusal):
            return token
        while True:
            await self._wait_for_lease(connection)
            if connection.state is State.ENDED:
                return connection.closed_by or Refusal(Denial.ENDED, "it has ended meanwhile")
            found = await self.parts.credentials.verify(
                token, waiting.handshake, connection.address_key, connection.lease
            )
            # INVARIANT: no await from here on. If the lease lapsed during the verification, it is repeated
            # behind the fence. It refuses a credential for a single use then.
            if isinstance(found, Refusal):
                return found
            if not connection.lease.has_lapsed(self.clock.monotonic()):
                return self._open(connection, waiting, found)

    async def _wait_for_lease(self, connection: Connection) -> None:
        """Hold the message behind the fence. The client has the time of a verification again afterwards."""
        if not connection.lease.has_lapsed(self.clock.monotonic()):
            return
        seconds = self.limits.authentication_seconds
        connection.wait_until(self.clock.monotonic() + self.fence.hold_seconds + seconds)
        await self.fence.wait(connection)
        connection.wait_until(self.clock.monotonic() + seconds)

    def _read(self, connection: Connection, raw: str | bytes) -> str | Refusal:
        """Return the credential in the first message. Any other message counts as a failed authentication."""
        limits, fault = self.limits, ""
        if self.clock.monotonic() >= connection.deadline:
            return Refusal(Denial.NO_CREDENTIAL, "the first message came too late")
        if isinstance(raw, bytes):
            fault = "the first message is binary"
        elif len(raw.encode("utf-8", "surrogatepass")) > limits.first_message_bytes:
            fault = f"it has more than limits.first_message_bytes = {limits.first_message_bytes}"
        else:
            found = read_authenticate(raw)
            if found is not None:
                # It arrived in time. The client does not control how long the verification takes.
                connection.wait_until(self.clock.monotonic() + limits.authentication_seconds)
                return found.token
            fault = "the first message is no stormdoor.authenticate"
        self.parts.checks.record_auth_failure(connection.address_key)
        return Refusal(Denial.NO_CREDENTIAL, fault)

    def _open(
        self, connection: Connection, waiting: PendingConnection, authentication: Authentication
    ) -> Refusal | None:
        """Check caps, permission and revocations, and open: one step without an await."""
        if connection.state is State.ENDED:
            return connection.closed_by or Refusal(Denial.ENDED, "it has ended meanwhile")
        if self.clock.monotonic() >= connection.deadline:
            return Refusal(Denial.AUTHENTICATION_TIMEOUT, "its credential took too long")
        refusal = self.parts.registration.complete_first_message(connection, authentication)
        if refusal is not None:
            return refusal
        self.parts.pending.leave(connection)
        self.registry.opened(connection)
        self.pipeline.admitted(waiting.handshake, connection)
        return None

    def _refuse(
        self,
        connection: Connection,
        waiting: PendingConnection,
        refusal: Refusal,
    ) -> None:
        if not self.registry.end(connection, refusal, recorded=False):
            return
        refusal = connection.closed_by or refusal
        known = not connection.awaiting_authentication
        self.pipeline.refused(
            waiting.handshake,
            refusal,
            permission=connection.endpoint.permission or "",
            kind=connection.authentication.kind,
            principal=connection.principal.id if known else "",
        )
