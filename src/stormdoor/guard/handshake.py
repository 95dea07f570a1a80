"""The decision about a handshake: one list of steps, the cheapest first.

Each step answers one question and returns a `Refusal` or None. The first refusal is the result.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hmac import compare_digest

from stormdoor.core.address import rate_key
from stormdoor.core.credential import Place, Source, fingerprint, presented
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.attempt import (
    HANDSHAKES,
    Attempt,
    AwaitedStep,
    Check,
    LimitCheck,
    LimitStep,
    Step,
)
from stormdoor.guard.connection import UNKNOWN, Connection, is_proven
from stormdoor.guard.credential_resolver import CredentialResolver
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.handshake_checks import HandshakeChecks
from stormdoor.guard.lease_waits import OnWait
from stormdoor.guard.operator_log import OperatorLog
from stormdoor.guard.references import referenced
from stormdoor.guard.registration import Registration
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock

__all__ = ["HandshakePipeline", "HandshakeSteps", "list_steps", "refusal_for", "same_credential"]

_log = logging.getLogger("stormdoor.admission")

_REQUEST = Endpoint("a request over HTTP", None)


@dataclass(frozen=True, slots=True)
class HandshakeSteps:
    """The steps of a handshake. They run in the order of the fields.

    Attributes:
        request: Steps that read only the request and counters.
        credential: Steps that find exactly one credential.
        beat: The step that waits for the next beat, after the event loop was blocked. The costly credential
            comes after it.
        authentication: The step that verifies the credential. It may wait for a store.
        bond: The step that compares a second, ambient credential with the accepted one.
        registration: One block without an await, so nothing changes in between.
        account: The step that reads the account again, if accounts changed during the wait.
        plain_request: Steps of an HTTP request that opens no socket: those of `request`, without the Origin
            of a WebSocket. The route compares the Origin itself (CSRF), before these charge any limit.
        ending_request: The same for a request that only ends a right, as a logout does. It is accepted while
            no client can be admitted.
        repeated_request: Steps of a further request of a transport session, before its credential.
    """

    request: tuple[Step | LimitStep, ...]
    credential: tuple[Step | LimitStep, ...]
    beat: LimitStep
    authentication: AwaitedStep
    bond: Step
    registration: tuple[Step, ...]
    account: AwaitedStep
    plain_request: tuple[Step | LimitStep, ...]
    ending_request: tuple[Step | LimitStep, ...]
    repeated_request: tuple[Step | LimitStep, ...]


def list_steps(
    checks: HandshakeChecks, credentials: CredentialResolver, registration: Registration
) -> HandshakeSteps:
    """Return every step of a handshake, in order."""
    closing = Step("closing", checks.check_closing)
    shape = Step("request shape", checks.check_shape)
    host = Step("Host", checks.check_host)
    transport = Step("transport", checks.check_transport)
    origin = LimitStep("Origin", checks.check_origin)
    available = Step("availability", checks.check_availability)
    rate = LimitStep("rate", checks.check_rate)
    beat = LimitStep("next beat", checks.wait_for_lease)
    return HandshakeSteps(
        request=(
            Step("declared", checks.check_declared),
            closing,
            shape,
            host,
            transport,
            origin,
            available,
            rate,
            Step("capacity", checks.check_capacity),
        ),
        credential=(
            Step("proxy headers", credentials.filter_proxy_headers),
            Step("credential", credentials.find),  # or deferred to the first message
            Step("credential form", credentials.precheck),
            LimitStep("back-off", checks.check_auth_failures),
        ),
        beat=beat,
        authentication=AwaitedStep("authentication", credentials.authenticate),
        bond=Step("ambient credential", credentials.check_ambient),
        # INVARIANT: no await in this block. Time has passed since the first checks, so the server may be
        # closing, fenced or full by now. The connection is registered before the last check for revocations.
        registration=(
            Step("closing, again", checks.check_closing),
            Step("freshness, again", checks.check_freshness),
            Step("capacity, again", checks.check_capacity),
            Step("caps", registration.check_caps),
            Step("permission", registration.check_permission),
            Step("register", registration.register),
            Step("deadline", registration.check_deadline),
            Step("revocation", registration.check_revocation),
            Step("first message", registration.wait_for_first_message),
        ),
        account=AwaitedStep("account, again", registration.reread_account),
        plain_request=(closing, shape, host, transport, available, rate, beat),
        ending_request=(closing, shape, host, transport, rate),
        repeated_request=(closing, shape, host, transport, origin, available, beat),
    )


def same_credential(one: Authentication, other: Authentication) -> bool:
    """Return whether both stand for the same principal by the same credential."""
    return (
        one.principal.id == other.principal.id
        and one.kind == other.kind
        and one.credential_id == other.credential_id
        and one.session_id == other.session_id
        and one.token_hash == other.token_hash
    )


async def _run(checks: Sequence[LimitCheck], attempt: Attempt) -> Refusal | None:
    """Run checks; the first refusal ends them. It waits only for limits that another machine counts."""
    for check in checks:
        if (answer := check(attempt)) is not None:
            refusal = answer if isinstance(answer, Refusal) else await answer
            if refusal is not None:
                return refusal
    return None


class HandshakePipeline:
    """Decides handshakes and other requests, and records the results.

    Args:
        steps: The steps of a handshake, see `list_steps`.
        places: Places that authenticators read credentials from.
        limits: Limits of the guard.
        revocations: Index of revocations and changes.
        trail: Audit trail of the results.
        statistics: Counters of the results.
        operator_log: Log of refusals.
        clock: Source of the time.
    """

    def __init__(
        self,
        *,
        steps: HandshakeSteps,
        places: Sequence[Place],
        limits: Limits,
        revocations: RevocationIndex,
        trail: Trail,
        statistics: Statistics,
        operator_log: OperatorLog,
        clock: Clock,
    ) -> None:
        self._request = _limit_checks((*steps.request, *steps.credential))
        self._credential = _limit_checks(steps.credential)
        self._authenticate = steps.authentication.check
        self._bond = steps.bond.check
        self._registration: tuple[Check, ...] = (
            steps.bond.check,
            *(one.check for one in steps.registration),
        )
        self._account = steps.account.check
        self._beat = _limit_checks((steps.beat,))
        self._plain = _limit_checks(steps.plain_request)
        self._ending = _limit_checks(steps.ending_request)
        self._repeated = _limit_checks(steps.repeated_request)
        self._places = places
        self._limits = limits
        self._revocations = revocations
        self._trail = trail
        self._statistics = statistics
        self._operator_log = operator_log
        self._clock = clock

    def begin(
        self,
        handshake: Handshake,
        endpoint: Endpoint,
        address_key: str | None = None,
        limit: str = HANDSHAKES,
        on_wait: OnWait | None = None,
    ) -> Attempt:
        """Return the attempt of a request that counts for `limit`, before its first step."""
        if address_key is None:
            address_key = rate_key(handshake.address, self._limits.ipv6_prefix)
        changes = self._revocations.changes
        return Attempt(handshake, endpoint, address_key, changes, handshake, limit, on_wait)

    # -- handshakes ----------------------------------------------------------------------------------

    async def admit(
        self, handshake: Handshake, endpoint: Endpoint, on_wait: OnWait | None = None
    ) -> Connection | Refusal:
        """Decide one handshake.

        Args:
            handshake: The facts of the request.
            endpoint: The declared endpoint.
            on_wait: Called when the handshake begins to wait for the next beat.

        Returns:
            A registered, pending connection, or the refusal. Either way an entry is queued for the trail.
            An error in here never admits a client.
        """
        began = self._clock.monotonic()
        attempt = self.begin(handshake, endpoint, on_wait=on_wait)
        refusal = await self.decide(attempt)
        connection = attempt.connection
        if refusal is None and connection is not None:
            if connection.principal is not UNKNOWN:
                self.admitted(handshake, connection)
                self._statistics.admission_seconds.observe(self._clock.monotonic() - began)
            return connection
        refusal = refusal or Refusal(Denial.INTERNAL, "no step has made a connection")
        authentication = attempt.authentication
        kind = id = ""
        if authentication is not None:
            kind, id = authentication.kind, authentication.principal.id
        proven = authentication is not None and is_proven(authentication.principal)
        refusal = self.refused(
            handshake,
            refusal,
            permission=endpoint.permission or "",
            kind=kind,
            principal=id if proven else "",
            claimed="" if proven else id,
        )
        self._statistics.refusal_seconds.observe(self._clock.monotonic() - began)
        return refusal

    async def decide(self, attempt: Attempt) -> Refusal | None:
        """Run the steps of a handshake, and record nothing. An error in here is a refusal."""
        try:
            for check in self._request:
                # The loop of `_run`, inlined: the time of a handshake is measured.
                if (answer := check(attempt)) is not None:
                    refusal = answer if isinstance(answer, Refusal) else await answer
                    if refusal is not None:
                        return refusal
            if attempt.waits and (refusal := await _run(self._beat, attempt)) is not None:
                return refusal
            if (refusal := await self._authenticate(attempt)) is not None:
                return refusal
            # INVARIANT: no await in this block.
            for last in self._registration:
                if (refusal := last(attempt)) is not None:
                    return await self._register_after_beat(attempt) if attempt.waits else refusal
            found = attempt.authentication
            if found is None or attempt.changes != self._revocations.changes:
                return await self._account(attempt)
            return None
        except Exception as error:  # noqa: BLE001 - fail closed on any error
            return refusal_for(error, _log, f"admission failed for {attempt.endpoint.name}")

    async def _register_after_beat(self, attempt: Attempt) -> Refusal | None:
        """Wait for the next beat and register: the event loop was blocked during the authentication."""
        refusal: Refusal | None = None
        while attempt.waits:
            refusal = await _run(self._beat, attempt) or await _run(self._registration, attempt)
            if refusal is None:
                return await self._account(attempt)
        return refusal

    async def _resolve(self, attempt: Attempt) -> Refusal | None:
        """Find and verify the credential of a request that opens no connection."""
        return (
            await _run(self._credential, attempt)
            or await self._authenticate(attempt)
            or self._bond(attempt)
        )

    async def admit_again(
        self,
        handshake: Handshake,
        endpoint: Endpoint,
        owner: Authentication,
        on_wait: OnWait | None = None,
    ) -> Refusal | None:
        """Decide one more request of a transport session that `owner` has begun.

        The connection of the session lives as long as its credential is valid, like that of a socket. So
        the client need only present this credential again.

        Args:
            handshake: The facts of the request, see `request_as_handshake`.
            endpoint: The declared endpoint.
            owner: Authentication of the client that began the session.
            on_wait: As `admit`.

        Returns:
            The refusal, or None. A refusal has been noted in the trail.
        """
        attempt = self.begin(handshake, endpoint, on_wait=on_wait)
        try:
            refusal = await _run(self._repeated, attempt)
            if refusal is None and not self._shows_cookie_of(owner, handshake):
                refusal = await self._resolve(attempt) or self._other_than(owner, attempt)
        except Exception as error:  # noqa: BLE001 - fail closed on any error
            refusal = refusal_for(error, _log, f"admission failed for {endpoint.name}")
        if refusal is not None:
            found = attempt.authentication
            refusal = self.refused(
                handshake,
                refusal,
                permission=endpoint.permission or "",
                principal="" if found is None else found.principal.id,
            )
        return refusal

    def _other_than(self, owner: Authentication, attempt: Attempt) -> Refusal | None:
        """Return the refusal unless `owner` has authenticated, with a credential that is still valid."""
        found = attempt.authentication
        if found is None or not same_credential(found, owner):
            return Refusal(
                Denial.FORBIDDEN,
                "the transport session belongs to another principal or credential",
            )
        if self._revocations.ends(found):
            return Refusal(Denial.REVOKED, "the credential was revoked")
        return None

    def _shows_cookie_of(self, owner: Authentication, handshake: Handshake) -> bool:
        """Return whether `handshake` presents the very cookie of `owner`, and nothing else.

        Authenticating it at each poll would extend the login of an open page without end (ASVS 7.3.1).
        """
        found = presented(handshake, self._places)
        return (
            len(found) == 1
            and found[0].place.source is Source.COOKIE
            and handshake.origin is not None
            and not owner.proofs
            and compare_digest(fingerprint(found[0].secret), owner.credential_id)
        )

    # -- other requests ------------------------------------------------------------------------------

    async def check_request(
        self,
        handshake: Handshake,
        address_key: str,
        limit: str,
        *,
        ends: bool = False,
        on_wait: OnWait | None = None,
    ) -> Refusal | None:
        """Run the steps of a plain HTTP request, before its credential is read.

        Args:
            handshake: The facts of the request.
            address_key: Key of the client for limits by address.
            limit: The limit that the request counts for, such as `LOGINS`.
            ends: Whether the request only ends a right, as a logout does.
            on_wait: As `admit`.
        """
        checks = self._ending if ends else self._plain
        return await _run(checks, self.begin(handshake, _REQUEST, address_key, limit, on_wait))

    async def authenticate_request(
        self, handshake: Handshake, address_key: str
    ) -> Authentication | Refusal:
        """Authenticate a request that opens no socket, by the rules of a handshake.

        The caller has called `check_request`, and checks `ended` and policies itself.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        attempt = self.begin(handshake, _REQUEST, address_key)
        refusal = await self._resolve(attempt)
        return refusal or attempt.authentication or Refusal(Denial.NO_CREDENTIAL)

    def ended(self, authentication: Authentication) -> Refusal | None:
        """Return the refusal if the credential has expired or was revoked since it was read."""
        expires_at = authentication.expires_at
        if expires_at is not None and expires_at <= self._clock.now():
            return Refusal(Denial.EXPIRED, "the credential has expired")
        if self._revocations.ends(authentication):
            return Refusal(Denial.REVOKED, "the credential was revoked")
        return None

    # -- results -------------------------------------------------------------------------------------

    def admitted(self, handshake: Handshake, connection: Connection) -> None:
        """Count and record an accepted handshake."""
        authentication = connection.authentication
        self._statistics.admitted[authentication.kind] += 1
        self._trail.note(
            Event(
                time=connection.opened_at,
                name="connection_opened",
                endpoint=handshake.path,
                permission=connection.endpoint.permission or "",
                kind=authentication.kind,
                principal=authentication.principal.id,
                tenant=authentication.principal.tenant,
                address=handshake.address,
                user_agent=handshake.user_agent,
                connection=connection.id,
                proven=connection.proven,
            )
        )

    def refused(
        self,
        handshake: Handshake,
        refusal: Refusal,
        *,
        permission: str = "",
        kind: str = "",
        principal: str = "",
        claimed: str = "",
    ) -> Refusal:
        """Count, record and log a refused request; `admit` has done so for its own handshakes.

        Args:
            handshake: The facts of the request.
            refusal: The denial and its detail.
            permission: The permission that the request needs.
            kind: Kind of the credential, if one was accepted.
            principal: The principal that has proved its identity, if one has.
            claimed: The principal that the client names without a proof.

        Returns:
            The refusal to answer with: it has the reference of the record.
        """
        refusal = referenced(refusal)
        self._statistics.refused[refusal.denial] += 1
        self._trail.note(
            Event(
                time=self._clock.now(),
                name=REFUSED_AS[refusal.denial],
                cause=refusal.denial._value_,
                endpoint=handshake.path,
                permission=permission,
                kind=kind,
                policies=refusal.policy_ids,
                principal=principal or claimed,
                address=handshake.address,
                user_agent=handshake.user_agent,
                detail=refusal.detail,
                ref=refusal.ref,
                proven=principal != "",
            )
        )
        self._operator_log.refused(
            refusal,
            path=handshake.path,
            address=handshake.address,
            principal=principal or claimed,
            permission=permission,
            kind=kind,
        )
        return refusal


def _limit_checks(steps: Iterable[Step | LimitStep]) -> tuple[LimitCheck, ...]:
    """Return the checks of steps, without their names."""
    return tuple(step.check for step in steps)


def refusal_for(error: Exception, log: logging.Logger, where: str) -> Refusal:
    """Return the refusal for an exception in a step. Every error but that of a store is logged."""
    if isinstance(error, StoreUnavailable):
        return Refusal(Denial.UNAVAILABLE, f"the store does not answer: {error}", retry_after=5)
    log.error("%s", where, exc_info=error)
    return Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
