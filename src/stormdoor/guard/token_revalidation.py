"""Check credentials of open connections again at their issuer, in the background.

The guard is not notified when some credentials end: an opaque token that was revoked at its provider, a
token of a key that the provider has dropped. Their `Authentication.recheck` defines how to check them, and
how often.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field, replace

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.due_queue import DueQueue
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication, Recheck, RecheckSource, find_flaw
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.connection import Connection
from stormdoor.guard.registry import Registry
from stormdoor.ports import Clock

__all__ = ["TokenRevalidation"]

_log = logging.getLogger("stormdoor.token_revalidation")

_AT_ONCE = 256
_RETRY_SECONDS = 5.0
_EARLY = 0.75
"""Part of the interval after which a check begins: an answer may be up to a quarter of the interval old."""
_SPREAD = 0.2
"""Part of the interval by which checks vary, so that connections opened together are not checked together."""


@dataclass(slots=True)
class _Watched:
    """The state of the checks of one connection's credential.

    Attributes:
        recheck: The check of the credential.
        answered_at: Monotonic seconds of the last answer.
        due: Monotonic seconds of the next check.
        group: The checks with the same source.
        generation: The generation of the source at the last check, or when the credential was accepted.
        asking: Whether a check is running now.
    """

    recheck: Recheck
    answered_at: float
    due: float
    group: _Group | None
    generation: int
    asking: bool = False

    @property
    def is_stale(self) -> bool:
        """Whether the source demands a check."""
        return self.group is not None and self.generation != self.group.generation


@dataclass(slots=True)
class _Group:
    """The checks with one source.

    Attributes:
        source: The source.
        generation: Its generation at the last tick.
        connections: Ids of the connections.
    """

    source: RecheckSource
    generation: int
    connections: set[str] = field(default_factory=set)


class TokenRevalidation:
    """Checks credentials again, and ends or updates their connections.

    A tick looks only at connections with a check that is due, and at the generation of each source.

    INVARIANT: no answer is used longer than `seconds` and `grace_seconds` of its `Recheck` together.

    Args:
        registry: Registry of the open connections.
        revocations: Index of revocations.
        policies: Present policies, for deciding again.
        limits: Limit on the duration of a check.
        clock: Source of the time.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        revocations: RevocationIndex,
        policies: ActivePolicies,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._revocations = revocations
        self._policies = policies
        self._limits = limits
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._groups: dict[int, _Group] = {}
        """Groups by the `id()` of their source, which they keep alive."""
        self._queue = DueQueue()
        self._tasks: set[asyncio.Task[None]] = set()

    def forget(self, connection: Connection) -> None:
        """Stop the checks of a connection that has ended."""
        watched = self._watched.pop(connection.id, None)
        if watched is None:
            return
        self._queue.forget(connection.id)
        group = watched.group
        if group is not None:
            group.connections.discard(connection.id)
            if not group.connections:
                self._groups.pop(id(group.source), None)

    def _watch(self, connection: Connection, monotonic: float) -> None:
        """Begin the checks of a connection, unless they have begun for its present credential."""
        recheck, watched = connection.authentication.recheck, self._watched.get(connection.id)
        if recheck is None or (watched is not None and watched.recheck is recheck):
            return
        self.forget(connection)
        source, group = recheck.source, None
        if source is not None:
            group = self._groups.setdefault(id(source), _Group(source, source.generation))
            group.connections.add(connection.id)
        due = _next(connection.id, recheck, monotonic)
        self._watched[connection.id] = _Watched(
            recheck, monotonic, due, group, recheck.accepted_generation
        )
        self._queue.put(connection.id, monotonic)

    async def look(self) -> int:
        """Start the checks that are due, and end connections without an answer. Returns how many it ended.

        It does not wait: the checks run in the background until later calls.
        """
        monotonic, ended = self._clock.monotonic(), 0
        for connection in self._registry.take_rechecked():
            self._watch(connection, monotonic)
        for group in self._groups.values():
            generation = group.source.generation
            if generation != group.generation:
                group.generation = generation
                for id in group.connections:
                    self._queue.put(id, monotonic)
        due = deque(self._queue.take(monotonic))
        try:
            while due:
                ended += self._look(due[0], monotonic)
                due.popleft()
        finally:
            for id in due:  # INVARIANT: an error drops no check
                self._queue.put(id, monotonic)
        return ended

    def _look(self, id: str, monotonic: float) -> bool:
        """Start the check of one connection if it is due, or end the connection without an answer."""
        connection, watched = self._registry.get(id), self._watched.get(id)
        if connection is None or watched is None or connection.state is State.ENDED:
            return False
        recheck = watched.recheck
        if connection.authentication.recheck is not recheck:
            self.forget(connection)  # its credential needs no checks
            return False
        until = watched.answered_at + recheck.seconds + recheck.grace_seconds
        if monotonic >= until:
            why = Refusal(
                Denial.UNAVAILABLE,
                "the issuer of the credential did not confirm it for "
                f"{monotonic - watched.answered_at:.0f} s",
            )
            return self._registry.end(connection, why)
        if not watched.asking:
            due = monotonic >= watched.due or watched.is_stale
            if due and len(self._tasks) < _AT_ONCE:
                watched.asking = True
                if watched.group is not None:
                    watched.generation = watched.group.generation
                task = asyncio.get_running_loop().create_task(self._ask(connection, watched))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                until = monotonic if due else min(until, watched.due)
        self._queue.put(id, until)
        return False

    async def _ask(self, connection: Connection, watched: _Watched) -> None:
        asked = self._clock.monotonic()
        try:
            outcome = await self._outcome(watched.recheck)
        finally:
            watched.asking = False
            if self._watched.get(connection.id) is watched:
                self._queue.put(
                    connection.id, asked
                )  # the next look computes the time of the next check
        # INVARIANT: no await from here on. During the check the connection may have ended, or got another
        # credential.
        if (
            connection.state is State.ENDED
            or connection.authentication.recheck is not watched.recheck
        ):
            return
        if isinstance(outcome, Refusal):
            if outcome.denial is Denial.UNAVAILABLE:
                wait = outcome.retry_after or _RETRY_SECONDS
                watched.due = self._clock.monotonic() + min(wait, watched.recheck.seconds)
            else:
                self._registry.end(connection, outcome)
            return
        watched.answered_at = asked
        watched.due = _next(connection.id, watched.recheck, asked)
        why = self._restate(connection, outcome)
        if why is not None:
            self._registry.end(connection, why)

    async def _outcome(self, recheck: Recheck) -> Authentication | Refusal:
        now = self._clock.now()
        try:
            async with asyncio.timeout(self._limits.authentication_seconds):
                outcome = await recheck.ask(now)
        except TimeoutError:
            return Refusal(Denial.UNAVAILABLE, "it took longer than authentication_seconds")
        except StoreUnavailable as error:
            return Refusal(Denial.UNAVAILABLE, f"the store does not answer: {error}")
        except Exception:  # noqa: BLE001 - the credential is unconfirmed, for a limited time
            _log.exception("a credential cannot be asked about")
            return Refusal(Denial.UNAVAILABLE, "an unforeseen error; see the log")
        if isinstance(outcome, Refusal):
            return outcome
        flaw = find_flaw(outcome, now)
        if flaw is None:
            return outcome
        _log.error("%s: the result of ask: %s", type(recheck).__name__, flaw)
        return Refusal(Denial.UNAVAILABLE, f"the result of its recheck: {flaw}")

    def _restate(self, connection: Connection, found: Authentication) -> Refusal | None:
        """Update the connection to the present state of its credential; return the refusal if it must end."""
        was = connection.authentication
        if (was.principal.id, was.principal.tenant) != (found.principal.id, found.principal.tenant):
            return Refusal(Denial.REVOKED, "the credential belongs to another principal now")
        # Roles of an account come from the feed of changes, which is newer than an answer.
        principal = connection.principal if found.live else found.principal
        # A second factor that was proved on this connection stays valid; one authentication counts as a
        # whole.
        proof = found if found.authenticated_at > was.authenticated_at else was
        found = replace(
            found,
            principal=principal,
            session_id=was.session_id,
            authenticated_at=proof.authenticated_at,
            strength=proof.strength,
            acr=proof.acr,
            recheck=was.recheck,
        )
        if self._revocations.ends(found):
            return Refusal(Denial.REVOKED, "the credential was revoked")
        if found == was and principal == connection.principal:
            return None
        now, monotonic = self._clock.now(), self._clock.monotonic()
        connection.identify(found, principal)
        if found.expires_at is not None:
            # The deadline moves only to an earlier time; the client is told about an earlier one.
            connection.expire(found.expires_at, now, monotonic)
        connection.apply_policies(self._policies.current)
        permission = connection.endpoint.permission
        if permission is None or connection.may(permission, None, now):
            return None
        return Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")

    async def close(self) -> None:
        """Cancel all checks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _next(connection_id: str, recheck: Recheck, monotonic: float) -> float:
    """Return the time of the next check, spread so that not all connections check at once."""
    share = int.from_bytes(connection_id[-2:].encode(), "big") % 256 / 256
    return monotonic + recheck.seconds * _EARLY * (1.0 - _SPREAD * share)
