"""The last steps of a handshake: caps, permission, registration, deadline and revocations."""

from __future__ import annotations

import os

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.lease import Lease
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.attempt import ANOTHER_LOG, Attempt
from stormdoor.guard.connection import UNKNOWN, Connection
from stormdoor.guard.handshake_checks import lease_of
from stormdoor.guard.lease_waits import LeaseWaits
from stormdoor.guard.pending_connections import PendingConnections
from stormdoor.guard.present_rights import read_account
from stormdoor.guard.registry import Registry, public_key
from stormdoor.ports import Clock, StoredState

__all__ = ["Registration"]

_NOT_AUTHENTICATED = Refusal(Denial.INTERNAL, "no step has verified a credential")


class Registration:
    """The steps that turn an authenticated attempt into a registered connection.

    `check_caps` to `wait_for_first_message` run in this order, in one step without an await.
    """

    def __init__(
        self,
        *,
        policies: ActivePolicies,
        pending: PendingConnections,
        limits: Limits,
        registry: Registry,
        revocations: RevocationIndex,
        state: StoredState,
        clock: Clock,
        lease: Lease,
        waits: LeaseWaits,
    ) -> None:
        self._policies = policies
        self._pending = pending
        self._limits = limits
        self._usual = limits.applied(own_protocol=False)
        self._registry = registry
        self._revocations = revocations
        self._state = state
        self._clock = clock
        self._lease = lease
        self._waits = waits

    def check_caps(self, attempt: Attempt) -> Refusal | None:
        """Refuse another connection of a principal with too many, or one more that waits for its message."""
        authentication, endpoint = attempt.authentication, attempt.endpoint
        if authentication is None:
            return _NOT_AUTHENTICATED
        if authentication.principal is UNKNOWN:
            # It does not count for a public endpoint.
            attempt.usage_key = public_key(f"{attempt.address_key}\0")
            return self._pending.room(attempt.address_key)
        attempt.usage_key = key = (
            authentication.principal.id
            if endpoint.public is None
            else public_key(attempt.address_key)
        )
        return self._registry.room_for_principal(key, endpoint.limits or self._usual)

    def check_permission(self, attempt: Attempt) -> Refusal | None:
        """Create the connection, and refuse if its principal may not connect."""
        authentication, endpoint = attempt.authentication, attempt.endpoint
        if authentication is None:
            return _NOT_AUTHENTICATED
        handshake = attempt.handshake
        connection = attempt.connection = Connection(
            id=os.urandom(8).hex(),
            authentication=authentication,
            endpoint=endpoint,
            path=handshake.path,
            address=handshake.address,
            address_key=attempt.address_key,
            clock=self._clock,
            policies=self._policies.current,
            shared=self._registry.shared(attempt.usage_key),
            limits=endpoint.limits or self._usual,
            lease=lease_of(endpoint, self._lease),
            connection_seconds=self._limits.connection_seconds,
            notice_seconds=self._limits.expiry_notice_seconds,
        )
        return (
            None
            if authentication.principal is UNKNOWN
            else _forbidden(connection, connection.opened_at)
        )

    def register(self, attempt: Attempt) -> Refusal | None:
        """Register the connection. INVARIANT: before the last check, so that every revocation finds it."""
        if attempt.connection is None:
            return _NOT_AUTHENTICATED
        self._registry.add(attempt.connection)
        return None

    def check_deadline(self, attempt: Attempt) -> Refusal | None:
        """Refuse a credential that has expired during the handshake."""
        connection = attempt.connection
        if connection is not None and connection.last_message < connection.deadline:
            return None
        return self._end(
            connection, Refusal(Denial.EXPIRED, "the credential expired during the handshake")
        )

    def check_revocation(self, attempt: Attempt) -> Refusal | None:
        """Refuse a credential that was revoked during the handshake."""
        connection = attempt.connection
        if connection is not None and not self._revocations.ends(connection.authentication):
            return None
        return self._end(connection, Refusal(Denial.REVOKED, "the credential was revoked"))

    def wait_for_first_message(self, attempt: Attempt) -> None:
        """Set the time for the first message, if the credential follows in it."""
        connection = attempt.connection
        if connection is not None and connection.principal is UNKNOWN:
            self._pending.enter(connection, attempt.handshake)

    def _end(self, connection: Connection | None, refusal: Refusal) -> Refusal:
        """End a connection that has been registered but not recorded."""
        if connection is not None:
            self._registry.end(connection, recorded=False)
        return refusal

    async def reread_account(self, attempt: Attempt) -> Refusal | None:
        """Read the principal again, because accounts changed while the handshake waited for the store.

        If another log of revocations is followed since the handshake began, refuse it.

        The connection is registered by now, so each later change finds it.
        """
        connection = attempt.connection
        found = attempt.authentication
        if connection is None or found is None:
            return _NOT_AUTHENTICATED
        if attempt.changes < self._revocations.reloaded:
            return self._end(connection, ANOTHER_LOG)
        if not found.live:
            return None
        try:
            account = await read_account(
                self._state.accounts, self._revocations, connection.principal.id
            )
            while connection.monotonic() >= connection.lease.until:
                refusal = await self._waits.until_renewed(connection.lease, attempt.on_wait)
                if refusal is not None:
                    return self._end(connection, refusal)
                # The beat may have applied changes of the account.
                account = await read_account(
                    self._state.accounts, self._revocations, connection.principal.id
                )
        except BaseException:
            self._registry.end(connection, recorded=False)
            raise
        if connection.state is State.ENDED:
            return connection.closed_by or Refusal(Denial.REVOKED, "it has ended meanwhile")
        if account is None or account.disabled:
            return self._end(
                connection, Refusal(Denial.REVOKED, "the account was disabled or removed")
            )
        permission = connection.endpoint.permission
        connection.apply_policies(self._policies.current, account.principal)
        if permission is None or connection.may(permission, None, self._clock.now()):
            return None
        return self._end(
            connection, Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
        )

    def complete_first_message(
        self, connection: Connection, authentication: Authentication
    ) -> Refusal | None:
        """Give a waiting connection its principal: caps, deadline, revocations and permission, without await.

        Returns:
            The refusal, or None. On a refusal, the caller ends the connection.
        """
        registry, key = self._registry, authentication.principal.id
        refusal = registry.room_for_principal(key, connection.limits)
        if refusal is not None:
            return refusal
        now, monotonic = self._clock.now(), self._clock.monotonic()
        registry.move(connection, registry.shared(key))
        connection.renew(authentication, self._policies.current, now, monotonic)
        if connection.is_expired(now, monotonic):
            return Refusal(Denial.EXPIRED, "the credential expired while it was verified")
        if self._revocations.ends(authentication):
            return Refusal(Denial.REVOKED, "the credential was revoked")
        return _forbidden(connection, now)


def _forbidden(connection: Connection, now: float) -> Refusal | None:
    """Return the refusal if the principal may not connect at `now` (Unix seconds); else None."""
    permission = connection.endpoint.permission
    # A decision in `allowed` was made for the present roles and policies, and depends on nothing else.
    if permission is None or permission in connection.allowed:
        return None
    decision = connection.decide(permission, None, now)
    if decision.allowed:
        return None
    denial = Denial.STEP_UP if decision.needs else Denial.FORBIDDEN
    return Refusal(denial, decision.reason, policy_ids=decision.policy_ids, needs=decision.needs)
