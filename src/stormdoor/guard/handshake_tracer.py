"""Explain a handshake: run its steps as they are, and note the result of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from stormdoor.core.credential import Credential, Source, fingerprint
from stormdoor.core.denial import Refusal
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.attempt import Attempt, AwaitedStep, LimitStep, Step
from stormdoor.guard.credential_resolver import CredentialResolver
from stormdoor.guard.handshake import HandshakeSteps
from stormdoor.ports import Clock

__all__ = ["HandshakeTracer", "TraceStep"]


@dataclass(frozen=True, slots=True)
class TraceStep:
    """The result of one step, without secrets.

    Attributes:
        step: Its name.
        passed: Whether the handshake went on.
        detail: The facts that passed, or the reason of the refusal, for the operator; may be empty.
        checks: The comparisons of this step, if there are several.
    """

    step: str
    passed: bool
    detail: str = ""
    checks: tuple[str, ...] = ()


class HandshakeTracer:
    """Notes every step of one handshake in `steps`. It decides nothing.

    Args:
        credentials: Names the authenticator of a credential.
        policies: The policies that decide.
        clock: Source of the time.
    """

    def __init__(
        self, *, credentials: CredentialResolver, policies: ActivePolicies, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._policies = policies
        self._clock = clock
        self.steps: list[TraceStep] = []
        self._details: dict[str, Callable[[Attempt], tuple[str, tuple[str, ...]]]] = {
            "declared": self._declared,
            "Host": self._host,
            "transport": self._transport,
            "Origin": self._origin,
            "credential": self._credential,
            "authentication": self._authentication,
            "ambient credential": self._ambient,
            "permission": self._permission,
            "deadline": self._deadline,
            "revocation": self._revocation,
        }

    def traced(self, steps: HandshakeSteps) -> HandshakeSteps:
        """Return the steps of a handshake with this tracer around each.

        Raises:
            RuntimeError: This tracer has the facts of a step that does not exist, perhaps under an old name.
        """
        every = (*steps.request, *steps.credential, steps.bond, *steps.registration)
        names = {one.name for one in every} | {steps.authentication.name, steps.account.name}
        if not names.issuperset(self._details):
            raise RuntimeError(f"no steps have these names: {self._details.keys() - names}")
        return replace(
            steps,
            request=tuple(map(self._limit_step, steps.request)),
            credential=tuple(map(self._limit_step, steps.credential)),
            authentication=self._awaited(steps.authentication),
            bond=self._step(steps.bond),
            registration=tuple(map(self._step, steps.registration)),
            account=self._awaited(steps.account),
            beat=self._limit_step(steps.beat),
        )

    def _step(self, step: Step) -> Step:
        def check(attempt: Attempt) -> Refusal | None:
            refusal = step.check(attempt)
            self._note(step.name, attempt, refusal)
            return refusal

        return Step(step.name, check)

    def _limit_step(self, step: Step | LimitStep) -> LimitStep:
        async def check(attempt: Attempt) -> Refusal | None:
            answer = step.check(attempt)
            refusal = await answer if isinstance(answer, Awaitable) else answer
            self._note(step.name, attempt, refusal)
            return refusal

        return LimitStep(step.name, check)

    def _awaited(self, step: AwaitedStep) -> AwaitedStep:
        async def check(attempt: Attempt) -> Refusal | None:
            refusal = await step.check(attempt)
            self._note(step.name, attempt, refusal)
            return refusal

        return AwaitedStep(step.name, check)

    def _note(self, name: str, attempt: Attempt, refusal: Refusal | None) -> None:
        about = self._details.get(name)
        detail, checks = ("", ()) if about is None else about(attempt)
        if refusal is not None:
            detail = refusal.detail
        self.steps.append(TraceStep(name, refusal is None, detail, checks))

    # -- the facts of each step: one line, and the comparisons --------------------------------------

    def _declared(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        public = attempt.endpoint.public
        if public is not None:
            return f"public: {public.reason}", ()
        return f"needs {attempt.endpoint.permission}", ()

    def _host(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        return attempt.handshake.host, ()

    def _transport(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        handshake = attempt.handshake
        came = f"{handshake.scheme}, from {handshake.address}"
        if handshake.peer != handshake.address:
            came += f" through the proxy {handshake.peer}"
        return came, ()

    def _origin(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        if attempt.endpoint.public is not None:
            return "not compared: the endpoint is public", ()
        if attempt.handshake.origin is None:
            return "none; a program, unless the credential is one that browsers attach", ()
        return f"{attempt.handshake.origin} is in the list", ()

    def _credential(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        if attempt.endpoint.public is not None:
            return "not read: the endpoint is public", ()
        shown = tuple(map(_shown, attempt.presented))
        if len(shown) == 1:
            return shown[0], ()
        return f"{len(shown)} credentials", shown

    def _authentication(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        credential, found = attempt.credential, attempt.authentication
        authenticator = (
            None if credential is None else self._credentials.authenticator_for(credential)
        )
        checks = tuple(getattr(authenticator, "checks", ()))
        if found is None:
            return "", checks
        principal = found.principal
        roles = ", ".join(sorted(principal.roles)) or "no role"
        tenant = f", tenant {principal.tenant}" if principal.tenant is not None else ""
        return f"{found.kind}: {principal.id} ({roles}{tenant})", checks

    def _ambient(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        if attempt.ambient is None:
            return "", ()
        return "bound to the other credential", tuple(map(_shown, attempt.presented))

    def _permission(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        permission, connection = attempt.endpoint.permission, attempt.connection
        if permission is None or connection is None:
            return "not asked: the endpoint is public", ()
        request = connection.request(permission, None, self._clock.now())
        explained = self._policies.current.explain(request, connection.authentication.scopes)
        return f"{permission} is granted", tuple(f"{one.id}: {one.said}" for one in explained)

    def _deadline(self, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        found = attempt.authentication
        if found is None or found.expires_at is None:
            return "no end of its own", ()
        return f"{found.expires_at - self._clock.now():.0f} s left", ()

    def _revocation(self, _attempt: Attempt) -> tuple[str, tuple[str, ...]]:
        return "not revoked", ()


def _shown(credential: Credential) -> str:
    """Describe a credential without its secret: its place, its length, the beginning of its hash."""
    source, secret = credential.place.source, credential.secret
    place = (
        "the client certificate"
        if source is Source.CERTIFICATE
        else f"{source.value} {credential.place.name!r}"
    )
    ambient = ", which a browser attaches by itself" if credential.ambient else ""
    return f"{place}: {len(secret)} characters, SHA-256 {fingerprint(secret)[:12]}…{ambient}"
