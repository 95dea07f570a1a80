"""Still true? Deadlines, slow readers, revocations of other processes: looked at on every tick."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from stormdoor.auth.apikey import ApiKeyAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.limits import Limits
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.ports import Clock, Store

__all__ = ["Lifetime", "read_account"]

_log = logging.getLogger("stormdoor.lifetime")


async def read_account(
    store: Store, revocations: RevocationIndex, principal_id: str
) -> Account | None:
    """The account as it is now, after every change that is known.

    A change is noted in `revocations` after it was stored. If one is noted while the store is asked, its
    answer may be from before: who applied it last would bring back the roles that were taken away.

    Raises:
        StoreUnavailable: The store does not answer.
    """
    while True:
        changes = revocations.changes
        account = await store.account(principal_id)
        if changes == revocations.changes:
            return account


class Lifetime:
    """Ends what is no longer true.

    Args:
        registry: The open connections.
        revocations: What has been revoked; shared with the admission.
        policies: For deciding again when roles change.
        limits: For the age of connections and slow readers.
        store: The feed of revocations, sessions and accounts.
        clock: Time.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        revocations: RevocationIndex,
        policies: PolicySet,
        limits: Limits,
        store: Store,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._revocations = revocations
        self.policies = policies
        self._limits = limits
        self._store = store
        self._clock = clock
        self._seen = 0
        self.behind = False
        """Whether revocations of other processes are unknown: nobody is let in then."""
        self._touched = 0.0

    async def start(self) -> None:
        """Learn what was revoked before this process started.

        Raises:
            StoreUnavailable: The store does not answer; the guard must not start.
        """
        for revocation in await self._store.revocations():
            self._revocations.add(revocation)
            self._seen = revocation.seq

    async def expire(self) -> int:
        """End every connection whose time is up or whose client does not read. Returns how many."""
        monotonic, now, ended = self._clock.monotonic(), self._clock.now(), 0
        for connection in self._registry:
            why = self._overdue(connection, monotonic, now)
            if why is None and monotonic - connection.last_message >= connection.idle_seconds:
                why = await self._idle(connection, monotonic, now)
            if why is not None:
                ended += self._registry.end(connection, why)
        return ended

    def _overdue(self, connection: Connection, monotonic: float, now: float) -> Refusal | None:
        if monotonic >= connection.deadline:
            return Refusal(
                Denial.EXPIRED, "the credential has expired, or the connection is too old"
            )
        # The wall clock counts as well: a machine that slept did not count monotonic seconds.
        if connection.expires_at is not None and now >= connection.expires_at:
            return Refusal(Denial.EXPIRED, "the credential has expired")
        sink = connection.sink
        since = sink.stalled() if sink is not None else None
        if since is not None and monotonic - since >= self._limits.outbound_seconds:
            return Refusal(
                Denial.SLOW_CONSUMER,
                f"limits.outbound_seconds = {self._limits.outbound_seconds:g} without reading",
            )
        return None

    async def _idle(self, connection: Connection, monotonic: float, now: float) -> Refusal | None:
        """A silent socket ends with its session, and lives on while the session is used elsewhere."""
        session_id = connection.authentication.session_id
        if session_id is not None:
            try:
                found = await self._store.session(session_id)
            except Exception as error:  # noqa: BLE001 - one session must not keep others from expiring
                return Refusal(Denial.UNAVAILABLE, f"idle, and the store does not answer: {error}")
            if found is not None and found[0].alive(now):
                connection.last_message = monotonic - (now - found[0].last_seen_at)
                return None
        return Refusal(Denial.EXPIRED, f"no message for {connection.idle_seconds:.0f} s")

    async def follow(self) -> int:
        """Act upon what other processes revoked or changed. Returns how many connections it ended."""
        try:
            news = await self._store.revocations(self._seen)
            ended = 0
            for revocation in news:
                ended += await self.apply(revocation)
                self._seen = max(self._seen, revocation.seq)
        except StoreUnavailable as error:
            if not self.behind:
                self.behind = True
                _log.error("revocations cannot be followed: %s", error)
            return 0
        if self.behind:
            self.behind = False
            _log.warning("revocations are being followed again")
        return ended

    async def apply(self, revocation: Revocation) -> int:
        """Take note of `revocation` and end the connections that it covers. Returns how many."""
        # Noted first: whoever is in the middle of a handshake will find it at the last check.
        self._revocations.add(revocation)
        if revocation.target is Target.CHANGED:
            return await self._changed(revocation.value)
        why = Refusal(Denial.REVOKED, f"revoked: {revocation.reason or revocation.target.value}")
        candidates = (
            self._registry.of_principal(revocation.value)
            if revocation.target is Target.PRINCIPAL
            else list(self._registry)
        )
        ended = 0
        for connection in candidates:
            if revocation.covers(_as_it_is(connection), connection.id):
                ended += self._registry.end(connection, why)
        return ended

    def newest(self, target: Target, value: str) -> float:
        """When the newest credential was issued that has a connection here and that `target` names.

        A clock that was set back says a time at which that credential did not exist yet.
        """
        revocation = Revocation(target, value, float("inf"))
        issued = [
            connection.authentication.issued_at
            for connection in self._registry
            if revocation.names(_as_it_is(connection), connection.id)
        ]
        return max(issued, default=float("-inf"))

    async def _changed(self, principal_id: str) -> int:
        """Read a principal again and decide anew about its open connections."""
        connections = [
            connection
            for connection in self._registry.of_principal(principal_id)
            if connection.authentication.live
        ]
        if not connections:
            return 0
        try:
            account = await read_account(self._store, self._revocations, principal_id)
        except Exception as error:  # noqa: BLE001 - one account must not stop the feed for all
            # Something was taken away or given, and nobody knows what: nothing holds any more.
            _log.error("the account %r cannot be read: %r", principal_id, error)
            why = Refusal(Denial.UNAVAILABLE, f"its roles changed and cannot be read: {error}")
            return sum(self._registry.end(connection, why) for connection in connections)
        if account is None or account.disabled:
            why = Refusal(Denial.REVOKED, "the account was disabled or removed")
            return sum(self._registry.end(connection, why) for connection in connections)
        ended = await self._read_keys(connections)
        return ended + sum(
            self._judge_again(connection, account.principal) for connection in connections
        )

    async def _read_keys(self, connections: Iterable[Connection]) -> int:
        """A key that was rotated has got an end, and so have the connections that it opened."""
        ended = 0
        for connection in connections:
            if connection.authentication.kind != ApiKeyAuthenticator.kind:
                continue
            key_id = connection.authentication.credential_id
            try:
                found = await self._store.key(key_id)
            except Exception as error:  # noqa: BLE001 - one key must not stop the feed for all
                why = Refusal(Denial.UNAVAILABLE, f"its key cannot be read: {error}")
                ended += self._registry.end(connection, why)
                continue
            if found is None:
                why = Refusal(Denial.REVOKED, "the key was revoked")
                ended += self._registry.end(connection, why)
            elif found[0].expires_at is not None:
                connection.expire(found[0].expires_at, self._clock.now(), self._clock.monotonic())
        return ended

    def _judge_again(self, connection: Connection, principal: Principal | None = None) -> bool:
        connection.judge_by(self.policies, principal)
        permission = connection.endpoint.permission
        if permission is None or connection.may(permission, None, self._clock.now()):
            return False
        why = Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
        return self._registry.end(connection, why)

    def adopt(self, policies: PolicySet) -> int:
        """Decide by other policies from now on. Returns how many connections that ended."""
        self.policies = policies
        return sum(self._judge_again(connection) for connection in self._registry)

    async def touch_sessions(self) -> None:
        """Let messages on a socket count as use of its session, at most once a minute."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        since, self._touched = self._touched, monotonic
        used = {
            connection.authentication.session_id: now - (monotonic - connection.last_message)
            for connection in self._registry
            if connection.authentication.session_id and connection.last_message > since
        }
        for session_id, at in used.items():
            if session_id is not None:
                await self._store.touch_session(session_id, at)


def _as_it_is(connection: Connection) -> Authentication:
    """How the connection was authenticated, with the roles that its principal has now."""
    authentication = connection.authentication
    if connection.principal is authentication.principal:
        return authentication
    return replace(authentication, principal=connection.principal)
