"""Revocation over HTTP: for security teams, and for programs that detect a theft."""

from __future__ import annotations

from typing import Literal

import msgspec
from tornado.routing import Rule, URLSpec

from stormdoor.core.decision import AccessRequest, Decision, Environment, Resource
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.permission import check_pattern
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Target
from stormdoor.errors import ConfigurationError, RevocationUnfinished
from stormdoor.guard.revocation_scope import affected_tenants
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["revocation_routes"]


_OUTCOMES = {
    "none": "Nothing is revoked. Repeat the request.",
    "kept": "The revocation is in effect in the process that answers. The process stores it, for all others, "
    "as soon as the store answers, unless it ends before. To be sure, repeat the request.",
    "here": "The revocation is in effect only in the process that answers, and is not stored. Repeat the "
    "request.",
    "stored": "The revocation is stored. It is not known that every node has applied it. To wait for them, "
    "repeat the request.",
}
"""The values of `revocation` in an answer with 503, each with its `detail`."""


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    target: Literal[
        "principal",
        "session",
        "credential",
        "token",
        "device",
        "role",
        "tenant",
        "connection",
        "everything",
    ]
    value: str = ""
    before: float | None = None
    reason: str = ""
    wait: Literal["log", "cluster"] = "log"
    dry_run: bool = False


class _Revocations(SessionHandler):
    permission: str
    outcome = "none"
    """The state of the revocation in an answer with 503: a key of `_OUTCOMES`."""

    def initialize(self, guard: Guard, permission: str = "") -> None:
        super().initialize(guard)
        self.permission = permission

    def parser(self) -> HandshakeParser:
        """Return a parser of every credential that opens a socket: programs have no cookie."""
        return HandshakeParser.for_guard(self.guard)

    async def post(self) -> None:
        authentication, order = await self._authenticated(), self.read_body(_Order)
        target, principal = Target(order.target), authentication.principal
        # First without a tenant: a caller that may not revoke at all causes no read of the store.
        self._require(authentication, Resource(order.target, order.value, principal.tenant))
        guard = self.guard
        scope = await affected_tenants(
            target, order.value, state=guard.state, registry=guard.registry
        )
        tenant = scope.as_seen_from(principal.tenant)
        if tenant != principal.tenant:
            self._require(authentication, Resource(order.target, order.value, tenant))
        tenants = self._judged_by(authentication, tenant)
        try:
            if order.dry_run:
                if order.wait != "log":
                    raise ConfigurationError("a dry run waits for no node; leave out wait")
                seen = await guard.admin.dry_run(
                    target, order.value, before=order.before, tenants=tenants
                )
                self.answer(seen.as_json())
                return
            done = await guard.admin.revoke(
                target,
                order.value,
                before=order.before,
                actor=principal.id,
                reason=order.reason[:200],
                wait=order.wait,
                tenants=tenants,
            )
        except RevocationUnfinished as error:
            self.outcome = error.outcome
            self.stop(Refusal(Denial.UNAVAILABLE, str(error)), principal=principal.id)
        except ConfigurationError as error:
            self.stop(Refusal(Denial.INVALID_MESSAGE, str(error)), principal=principal.id)
        body = done._asdict()
        if order.wait == "log":
            del body["applied"], body["lapsed"]
        self.answer(body)

    def answer(self, body: object) -> None:
        """Finish with `body` as JSON. An answer with 503 also says if anything is revoked."""
        if self.get_status() == 503 and isinstance(body, dict):
            body = {**body, "revocation": self.outcome, "detail": _OUTCOMES[self.outcome]}
            if "Retry-After" not in self._headers:
                self.set_header("Retry-After", "5")
        super().answer(body)

    def _judged_by(
        self, authentication: Authentication, tenant: str | None
    ) -> frozenset[str | None] | None:
        """Return the tenants in which the caller may learn names: its own and `tenant`; None for all."""
        own = authentication.principal.tenant
        if self._decide(authentication, Resource("principal", "", f"not only {own}")).allowed:
            return None
        return frozenset({own, tenant})

    async def _authenticated(self) -> Authentication:
        """Return the authentication of the caller.

        Raises:
            Finish: There is none, and the client has got the refusal.
        """
        guard = self.guard
        outcome = await guard.admission.authenticate_request(self.handshake, self.address_key)
        if isinstance(outcome, Authentication) and guard.revocations.ends(outcome):
            outcome = Refusal(Denial.REVOKED, "the credential was revoked")
        if isinstance(outcome, Refusal):
            self.stop(outcome)
        return outcome

    def _require(self, authentication: Authentication, resource: Resource) -> None:
        """Check that the caller may revoke `resource`.

        Raises:
            Finish: It may not, and the client has got the refusal.
        """
        decision = self._decide(authentication, resource)
        if not decision.allowed:
            refusal = Refusal(Denial.FORBIDDEN, decision.reason, policy_ids=decision.policy_ids)
            self.stop(refusal, principal=authentication.principal.id)

    def _decide(self, authentication: Authentication, resource: Resource) -> Decision:
        environment = Environment.of(
            authentication,
            now=self.guard.clock.now(),
            address=self.handshake.address,
            endpoint=self.request.path,
        )
        request = AccessRequest(authentication.principal, self.permission, resource, environment)
        return self.guard.policies.decide(request, authentication.scopes)


def revocation_routes(
    guard: Guard, *, path: str = "/auth/revocations", permission: str = "stormdoor:revoke"
) -> list[Rule]:
    """Return one route that revokes: `POST {"target": "principal", "value": "alice", "reason": "…"}`.

    It accepts every credential of the guard's authenticators, in their places: an API key of a program that
    detects a theft, or the session of an administrator. The answer is `{"closed": N, "known": true}`: the
    connections that this process closed before it answered, and `Acknowledgement.known`, judged by the
    principals of the caller's tenant. The other nodes of the installation follow. With `"wait": "cluster"`,
    the answer comes when every live node has applied the revocation, or is declared lapsed:
    `{"closed": N, "applied": N, "lapsed": N, "known": true}`.

    An answer with 503 has `Retry-After`, and its field `revocation` says if anything is revoked: "none",
    or an `outcome` of `RevocationUnfinished`. To repeat the request is safe.

    With `"dry_run": true` nothing is revoked. The answer lists the effect that the revocation would have, as
    `DryRun.as_json`, for the principals of the caller's tenant. It needs the same permission.

    The policies decide about a resource: its type is the target, its id the value, its tenant that of the
    affected principals. So the administrator of a tenant revokes only in that tenant. A role, a device,
    everything, and a target that neither the store nor this process knows may affect any tenant. For these,
    and for an administrator without a tenant who revokes in one, the role must be `across_tenants`.

    Args:
        guard: The guard.
        path: Path of the route.
        permission: The required permission. No role has it by default.

    Raises:
        ConfigurationError: The permission is malformed.
    """
    check_pattern(permission)
    arguments = {"guard": guard, "permission": permission}
    return [URLSpec(path, _Revocations, arguments)]
