"""Still true? Deadlines, slow readers, revocations of other processes: looked at on every tick."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from stormdoor.auth.apikey import ApiKeyAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.limits import Limits
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import Connection
from stormdoor.guard.expiry import expired
from stormdoor.guard.registry import SLICE_SECONDS, Registry
from stormdoor.guard.within import within
from stormdoor.ports import Clock, Store

__all__ = ["Lifetime", "read_account"]

_log = logging.getLogger("stormdoor.lifetime")

_LAST_LOOK_SECONDS = 1.0
_LOOK_SECONDS = 5.0
"""How long a connection of which nothing is due is not looked at, at most. Its client may stop reading
meanwhile, so it is not longer than an eighth of `outbound_seconds` either."""
_LEAP_SECONDS = 0.1

ANSWER_SECONDS = 1.0
"""How long the store may take to answer what open connections depend on; then it is taken for silent."""


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
        try:
            account = await within(ANSWER_SECONDS, store.account(principal_id))
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from None
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
        self._ahead = clock.now() - clock.monotonic()
        self._look_seconds = min(_LOOK_SECONDS, limits.outbound_seconds / 8)
        self._silent = False
        """Whether the store has not answered, in this look at all connections."""

    async def start(self) -> None:
        """Learn what was revoked before this process started.

        Raises:
            StoreUnavailable: The store does not answer; the guard must not start.
        """
        for revocation in await self._store.revocations():
            self._revocations.add(revocation)
            self._seen = revocation.seq

    async def expire(self) -> int:
        """End every connection whose time is up or whose client does not read, and tell those that are next.

        Returns:
            How many it ended.
        """
        monotonic, now, ended = self._clock.monotonic(), self._clock.now(), 0
        self._silent = False
        # Somebody set the wall clock, or the machine slept: what stands in `look_at` may be too late.
        ahead, self._ahead = self._ahead, now - monotonic
        leaped = abs(self._ahead - ahead) > _LEAP_SECONDS
        began = monotonic
        for connection in self._registry:
            if monotonic < connection.look_at and not leaped:
                continue
            why = self._overdue(connection, monotonic, now)
            if why is None and monotonic - connection.last_message >= connection.idle_notice:
                why = await self._idle(connection)
            if why is not None:
                ended += self._registry.end(connection, why)
            elif monotonic >= connection.notice_at and connection.open:
                # INVARIANT: before anything else, so that nothing tells of one deadline twice.
                connection.notice_at = float("inf")
                _tell(connection, connection.deadline - monotonic)
            connection.look_at = self._next_look(connection, monotonic)
            if self._clock.monotonic() - began >= SLICE_SECONDS:
                # Ten thousand that are due for a look at once must not keep everybody else waiting.
                await asyncio.sleep(0)
                began = self._clock.monotonic()
        return ended

    def _next_look(self, connection: Connection, monotonic: float) -> float:
        """Before when nothing of it can be due (monotonic seconds)."""
        at = min(
            monotonic + self._look_seconds,
            connection.deadline,
            connection.notice_at,
            self._idle_at(connection, monotonic),
        )
        since = None if connection.sink is None else connection.sink.stalled()
        return at if since is None else min(at, since + self._limits.outbound_seconds)

    def _idle_at(self, connection: Connection, monotonic: float) -> float:
        """When to look next whether it is idle (monotonic seconds)."""
        at = connection.last_message + connection.idle_notice
        if at > monotonic or not connection.endpoint.receive_only:
            return at
        return _active_at(connection) + connection.idle_seconds

    def _overdue(self, connection: Connection, monotonic: float, now: float) -> Refusal | None:
        if monotonic >= connection.deadline:
            return expired(connection, self._limits, monotonic)
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

    async def _idle(self, connection: Connection) -> Refusal | None:
        """Why a silent socket ends: its login is idle too, and is not used elsewhere.

        The session is looked up when the client is to be told, in the last second, and at the end: what
        is sent at the end is withheld without asking the store. A socket of a receive-only endpoint
        outlives the login; it ends when it is silent in both directions.
        """
        last, watched = connection.last_message, connection.endpoint.receive_only
        monotonic = self._clock.monotonic()
        left = connection.idle_seconds - (monotonic - last)
        told = connection.idle_told == last
        if watched and (told or left > 0):
            return _silent(connection, monotonic)
        if told and left > _LAST_LOOK_SECONDS:
            return None
        try:
            used = await self._used(connection)
        except Exception as error:  # noqa: BLE001 - one session must not keep others from expiring
            self._silent = isinstance(error, TimeoutError)
            if watched:
                return _silent(connection, monotonic)
            if left > 0:
                return None  # it is asked again
            return Refusal(Denial.UNAVAILABLE, f"idle, and the store does not answer: {error}")
        if used:
            return None
        if watched:
            connection.idle_told = last  # the login is over: the store need not be asked again
            return _silent(connection, monotonic)
        if left <= 0:
            return expired(connection, self._limits, monotonic)
        if not told and connection.open:
            connection.idle_told = last
            # Once for each deadline: if the other one is nearer, that is what it will be told.
            if left < connection.deadline - monotonic:
                _tell(connection, left)
        return None

    async def _used(self, connection: Connection) -> bool:
        """Whether the client has said something meanwhile, here or on another socket of its session.

        Raises:
            StoreUnavailable: The store does not answer.
            TimeoutError: Nor does it in time.
        """
        last, session_id = connection.last_message, connection.authentication.session_id
        if session_id is None:
            return False
        monotonic, now = self._clock.monotonic(), self._clock.now()
        # A store that does not answer is not asked about each of the others as well.
        patience = 0.0 if self._silent else ANSWER_SECONDS
        found = await within(patience, self._store.session(session_id))
        if connection.last_message != last:
            return True  # or it got another credential
        if found is not None and found[0].alive(now):
            connection.last_message = max(last, monotonic - (now - found[0].last_seen_at))
        return connection.last_message > last

    async def follow(self) -> int:
        """Act upon what other processes revoked or changed. Returns how many connections it ended."""
        try:
            news = await within(ANSWER_SECONDS, self._store.revocations(self._seen))
            ended, began = 0, self._clock.monotonic()
            for revocation in news:
                ended += await self.apply(revocation)
                self._seen = max(self._seen, revocation.seq)
                if self._clock.monotonic() - began >= SLICE_SECONDS:
                    # A thousand who were logged out meanwhile must not keep everybody else waiting.
                    await asyncio.sleep(0)
                    began = self._clock.monotonic()
        except Exception as error:  # noqa: BLE001 - fail closed, whatever it is
            # Also what a newer process wrote and this one cannot read: it may be about anybody.
            if not self.behind:
                self.behind = True
                _log.error("revocations cannot be followed: %r", error)
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
        if revocation.target is Target.MOVED:
            return self._moved(revocation)
        why = Refusal(Denial.REVOKED, f"revoked: {revocation.reason or revocation.target.value}")
        return self._registry.end_all(
            [
                one
                for one in self._named(revocation)
                if revocation.reaches(one.authentication.issued_at)
            ],
            why,
        )

    def _named(self, revocation: Revocation) -> list[Connection]:
        """The connections that `revocation` names, as `Revocation.names` does, with the roles of now.

        Written out, since in one turn of the loop there may be ten thousand to be looked at.
        """
        everybody, value = self._registry, revocation.value
        match revocation.target:
            case Target.EVERYTHING:
                return list(everybody)
            case Target.PRINCIPAL:
                return everybody.of_principal(value)
            case Target.CONNECTION:
                one = everybody.get(value)
                return [] if one is None else [one]
            case Target.SESSION:
                return [one for one in everybody if one.authentication.session_id == value]
            case Target.MOVED:
                old = revocation.moved[0]
                return [one for one in everybody if one.authentication.session_id == old]
            case Target.CREDENTIAL:
                return [one for one in everybody if one.authentication.credential_id == value]
            case Target.TOKEN:
                return [one for one in everybody if one.authentication.token_hash == value]
            case Target.DEVICE:
                return [one for one in everybody if one.authentication.device_id == value]
            case Target.ROLE:
                return [one for one in everybody if value in one.principal.roles]
            case Target.TENANT:
                return [one for one in everybody if one.principal.tenant == value]
            case Target.CHANGED:
                return []
            case _:
                assert_never(revocation.target)

    def _moved(self, revocation: Revocation) -> int:
        """Let the connections of a session go along to its new id; no more than that.

        They have the strength and the age that they had: whoever only holds an open socket of the
        session has proved nothing just now.
        """
        ended, (old, new) = 0, revocation.moved
        for connection in self._named(revocation):
            was = connection.authentication
            named = new if was.credential_id == old else was.credential_id
            connection.authentication = replace(was, session_id=new, credential_id=named)
            # The new session may have ended before this was heard of.
            if self._revocations.ends(_as_it_is(connection)):
                why = Refusal(Denial.REVOKED, "revoked: session")
                ended += self._registry.end(connection, why)
        return ended

    def newest(self, target: Target, value: str) -> float:
        """When the newest credential was issued that has a connection here and that `target` names.

        A clock that was set back says a time at which that credential did not exist yet.
        """
        named = self._named(Revocation(target, value, float("inf")))
        return max((one.authentication.issued_at for one in named), default=float("-inf"))

    async def _changed(self, principal_id: str) -> int:
        """Read a principal again and decide anew about its open connections."""
        connections = [
            connection
            for connection in self._registry.of_principal(principal_id)
            if connection.authentication.live
        ]
        if not connections:
            return 0
        # The keys first: what is known of the account must not grow old while something else is awaited.
        ended = await self._read_keys(connections)
        try:
            account = await read_account(self._store, self._revocations, principal_id)
        except Exception as error:  # noqa: BLE001 - one account must not stop the feed for all
            # Something was taken away or given, and nobody knows what: nothing holds any more.
            _log.error("the account %r cannot be read: %r", principal_id, error)
            why = Refusal(Denial.UNAVAILABLE, f"its roles changed and cannot be read: {error}")
            return ended + self._registry.end_all(connections, why)
        if account is None or account.disabled:
            why = Refusal(Denial.REVOKED, "the account was disabled or removed")
            return ended + self._registry.end_all(connections, why)
        return ended + sum(
            self._judge_again(connection, account.principal)
            for connection in connections
            # One that was refreshed meanwhile may have the roles of its new token.
            if connection.authentication.live
        )

    async def _read_keys(self, connections: Iterable[Connection]) -> int:
        """A key that was rotated has got an end, and so have the connections that it opened."""
        ended = 0
        for connection in connections:
            if connection.authentication.kind != ApiKeyAuthenticator.kind:
                continue
            authentication = connection.authentication
            try:
                found = await within(ANSWER_SECONDS, self._store.key(authentication.credential_id))
            except Exception as error:  # noqa: BLE001 - one key must not stop the feed for all
                why = Refusal(Denial.UNAVAILABLE, f"its key cannot be read: {error}")
                ended += self._registry.end(connection, why)
                continue
            if connection.authentication is not authentication:
                continue  # it was refreshed meanwhile, and hangs on another credential
            if found is None:
                why = Refusal(Denial.REVOKED, "the key was revoked")
                ended += self._registry.end(connection, why)
            elif found[0].expires_at is not None:
                connection.expire(found[0].expires_at, self._clock.now(), self._clock.monotonic())
        return ended

    def _judge_again(self, connection: Connection, principal: Principal | None = None) -> bool:
        connection.judge_by(self.policies, principal)
        permission = connection.endpoint.permission
        if connection.waiting:
            return False  # it may nothing, and will be judged when it has said who it is
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
            if connection.authentication.session_id and connection.last_message >= since
        }
        for session_id, at in used.items():
            if session_id is not None:
                await self._store.touch_session(session_id, at)


def _active_at(connection: Connection) -> float:
    """When a message, a ping or a pong went either way last (monotonic seconds)."""
    sent = 0.0 if connection.sink is None else connection.sink.sent_at()
    return max(connection.last_message, connection.heard_at, sent)


def _silent(connection: Connection, monotonic: float) -> Refusal | None:
    """Why a socket of a receive-only endpoint ends: for so long nothing went either way."""
    if monotonic - _active_at(connection) < connection.idle_seconds:
        return None
    return Refusal(
        Denial.EXPIRED,
        f"nothing was sent or received for {connection.idle_seconds:g} s (idle_seconds of the session); "
        "set websocket_ping_interval",
    )


def _tell(connection: Connection, seconds: float) -> None:
    """Tell the client, and if that fails, let nobody else wait for it."""
    if connection.sink is not None:
        try:
            connection.sink.expiring(seconds)
        except Exception:  # noqa: BLE001 - whatever an adapter raises
            _log.exception("connection %s cannot be told that it is expiring", connection.id)


def _as_it_is(connection: Connection) -> Authentication:
    """How the connection was authenticated, with the roles that its principal has now."""
    authentication = connection.authentication
    if connection.principal is authentication.principal:
        return authentication
    return replace(authentication, principal=connection.principal)
