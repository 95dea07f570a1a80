"""Explain a handshake: run the steps of the admission in order, and note each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stormdoor.core.credential import Credential, Source, fingerprint, presented
from stormdoor.core.denial import Refusal
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.guard.admission import Admission
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint

__all__ = ["Observation", "Witness"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One step of an admission, without secrets.

    Attributes:
        step: Its name.
        passed: Whether the handshake went on.
        said: The observation, or the reason of the refusal, for the operator.
        checks: The comparisons of this step, if there are several.
    """

    step: str
    passed: bool
    said: str
    checks: tuple[str, ...] = ()


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


class Witness(Admission):
    """Decides handshakes as `Admission` does, and notes every step in `observations`.

    It overrides each step with a call of that step, so the explanation matches the real result. It explains
    one handshake, on a copy of the store: a ticket that it verifies is spent.
    """

    def __init__(self, **collaborators: Any) -> None:
        super().__init__(**collaborators)
        self.observations: list[Observation] = []

    def refused(self, handshake: Handshake, refusal: Refusal, **about: str) -> None:
        """Record and log nothing: there is no client."""

    def _tell(
        self, step: str, refusal: Refusal | None, said: str, checks: Sequence[str] = ()
    ) -> None:
        self.observations.append(
            Observation(step, refusal is None, refusal.detail if refusal else said, tuple(checks))
        )

    def _strange(self, handshake: Handshake) -> Refusal | None:
        refusal = super()._strange(handshake)
        came = f"{handshake.scheme}, from {handshake.address}"
        if handshake.peer != handshake.address:
            came += f" through the proxy {handshake.peer}"
        self._tell("transport and Host", refusal, f"{came}, to {handshake.host}")
        return refusal

    def _foreign(self, handshake: Handshake, endpoint: Endpoint) -> Refusal | None:
        refusal = super()._foreign(handshake, endpoint)
        if endpoint.public is not None:
            said = "not compared: the endpoint is public"
        elif handshake.origin is None:
            said = "none; a program, unless the credential is one that browsers attach"
        else:
            said = f"{handshake.origin} is in the list"
        self._tell("Origin", refusal, said)
        return refusal

    def _screen(self, handshake: Handshake) -> Handshake | Refusal:
        outcome = super()._screen(handshake)
        if isinstance(outcome, Refusal):
            self._tell("headers of proxies", outcome, "")
        elif self._screens:
            said = "nothing that only a proxy may say, or a proxy that has proved itself"
            self._tell("headers of proxies", None, said)
        return outcome

    async def _identify(
        self, handshake: Handshake, endpoint: Endpoint, address_key: str
    ) -> Authentication | Refusal:
        before = len(self.observations)
        outcome = await super()._identify(handshake, endpoint, address_key)
        found = presented(handshake, self.places)
        judged = any(one.step == "authentication" for one in self.observations[before:])
        # First the observation, then its result. A refusal that no step has noted yet is about the number,
        # the place or the size of the credentials.
        silent = isinstance(outcome, Refusal) and self._untold(before)
        refusal = outcome if isinstance(outcome, Refusal) and silent and not judged else None
        shown = tuple(map(_shown, found))
        said = shown[0] if len(shown) == 1 else f"{len(shown)} credentials"
        one = Observation(
            "credential",
            refusal is None,
            refusal.detail if refusal else said,
            shown if refusal or len(shown) != 1 else (),
        )
        at = next(
            (
                index
                for index in range(before, len(self.observations))
                if self.observations[index].step == "authentication"
            ),
            len(self.observations),
        )
        if endpoint.public is None:
            self.observations.insert(at, one)
        if isinstance(outcome, Refusal) and silent and judged:
            self._tell("company", outcome, "", shown)
        return outcome

    def _untold(self, since: int) -> bool:
        return all(one.passed for one in self.observations[since:])

    async def _authenticate(
        self, credential: Credential, handshake: Handshake, now: float
    ) -> Authentication | Refusal:
        outcome = await super()._authenticate(credential, handshake, now)
        authenticator = self.authenticator_for(credential)
        checks = () if authenticator is None else getattr(authenticator, "checks", ())
        if isinstance(outcome, Refusal):
            self._tell("authentication", outcome, "", checks)
            return outcome
        principal = outcome.principal
        roles = ", ".join(sorted(principal.roles)) or "no role"
        tenant = f", tenant {principal.tenant}" if principal.tenant is not None else ""
        self._tell(
            "authentication", None, f"{outcome.kind}: {principal.id} ({roles}{tenant})", checks
        )
        return outcome

    def _forbidden(self, connection: Connection, now: float) -> Refusal | None:
        refusal = super()._forbidden(connection, now)
        permission = connection.endpoint.permission
        if permission is None:
            return refusal
        request = connection.request(permission, None, now)
        steps = self.policies.explain(request, connection.authentication.scopes)
        said = f"{permission} is granted"
        self._tell("permission", refusal, said, [f"{one.id}: {one.said}" for one in steps])
        return refusal

    def _enter(
        self,
        handshake: Handshake,
        endpoint: Endpoint,
        authentication: Authentication,
        address_key: str,
    ) -> Connection | Refusal:
        before = len(self.observations)
        outcome = super()._enter(handshake, endpoint, authentication, address_key)
        if isinstance(outcome, Refusal):
            if self._untold(before):
                self._tell("room, deadline, revocations", outcome, "")
            return outcome
        ends = authentication.expires_at
        left = "no end of its own" if ends is None else f"{ends - self._clock.now():.0f} s left"
        self._tell("room, deadline, revocations", None, f"not revoked, {left}")
        return outcome
