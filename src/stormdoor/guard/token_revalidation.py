"""Check credentials of open connections again at their issuer, in the background.

The guard is not notified when some credentials end: an opaque token that was revoked at its provider, a
token of a key that the provider has dropped. Their `Authentication.recheck` defines how to check them, and
how often.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from stormdoor.core.connection import State
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication, Recheck, find_flaw
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
        generation: The generation at the last check, or when the credential was accepted.
        asking: Whether a check is running now.
    """

    recheck: Recheck
    answered_at: float
    due: float
    generation: int
    asking: bool = False


class TokenRevalidation:
    """Checks credentials again, and ends or updates their connections.

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
        self._tasks: set[asyncio.Task[None]] = set()

    def forget(self, connection: Connection) -> None:
        """Stop the checks of a connection that has ended."""
        self._watched.pop(connection.id, None)

    async def look(self) -> int:
        """Start the checks that are due, and end connections without an answer. Returns how many it ended.

        It does not wait: the checks run in the background until later calls.
        """
        monotonic, ended = self._clock.monotonic(), 0
        for connection in self._registry:
            recheck = connection.authentication.recheck
            if recheck is None:
                continue
            watched = self._watched.get(connection.id)
            if watched is None or watched.recheck is not recheck:
                watched = self._watched[connection.id] = _Watched(
                    recheck,
                    monotonic,
                    _next(connection.id, recheck, monotonic),
                    recheck.accepted_generation,
                )
            if monotonic >= watched.answered_at + recheck.seconds + recheck.grace_seconds:
                why = Refusal(
                    Denial.UNAVAILABLE,
                    "the issuer of the credential did not confirm it for "
                    f"{monotonic - watched.answered_at:.0f} s",
                )
                ended += self._registry.end(connection, why)
            elif (
                not watched.asking
                and (monotonic >= watched.due or watched.generation != recheck.generation)
                and len(self._tasks) < _AT_ONCE
            ):
                watched.asking = True
                watched.generation = recheck.generation
                task = asyncio.get_running_loop().create_task(self._ask(connection, watched))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return ended

    async def _ask(self, connection: Connection, watched: _Watched) -> None:
        asked = self._clock.monotonic()
        try:
            outcome = await self._outcome(watched.recheck)
        finally:
            watched.asking = False
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
