"""Replace or strengthen the authentication of an open connection: same principal, one at a time.

On any error the connection continues with its old credential until that expires. The last check for
revocations and the change are one step without an await, as at the handshake. So the connection always has a
credential, and never a revoked one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from stormdoor.core.bucket import Rate
from stormdoor.core.decision import AccessRequest
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import Event
from stormdoor.core.limits import Limits
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.active_policies import ActivePolicies
from stormdoor.guard.connection import Connection
from stormdoor.guard.credential_resolver import CredentialResolver
from stormdoor.guard.handshake_checks import HandshakeChecks
from stormdoor.guard.inbound import Inbound
from stormdoor.guard.registry import Registry
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, RateLimits, SecondFactors
from stormdoor.ports.rate_limits import answered

__all__ = ["CredentialRefresh"]

_log = logging.getLogger("stormdoor.credential_refresh")

_REFRESHES, _PROOFS = "refreshes_per_principal", "proofs_per_principal"
_TWO_FACTORS = 2


class CredentialRefresh:
    """Renews the authentication of open connections.

    Args:
        credentials: Verifies credentials.
        checks: Counts failed attempts.
        policies: Present policies.
        inbound: Records refusals, and counts offences.
        registry: Registry of the open connections.
        revocations: Index of revocations.
        limits: Limits on refreshes and proofs.
        rate_limits: Counts them.
        trail: Audit trail.
        clock: Source of the time.
        factors: Verifies second factors; None if the guard verifies none.
    """

    def __init__(
        self,
        *,
        credentials: CredentialResolver,
        checks: HandshakeChecks,
        policies: ActivePolicies,
        inbound: Inbound,
        registry: Registry,
        revocations: RevocationIndex,
        limits: Limits,
        rate_limits: RateLimits,
        trail: Trail,
        clock: Clock,
        factors: SecondFactors | None,
    ) -> None:
        self._credentials = credentials
        self._checks = checks
        self._policies = policies
        self._inbound = inbound
        self._registry = registry
        self._revocations = revocations
        self._limits = limits
        self._trail = trail
        self._clock = clock
        self._factors = factors
        self._refreshes = rate_limits.limit(_REFRESHES, Rate.parse(limits.refreshes_per_principal))
        self._proofs = rate_limits.limit(_PROOFS, Rate.parse(limits.proofs_per_principal))

    async def refresh(self, connection: Connection, token: str) -> Refusal | None:
        """Replace the credential of `connection` by another one of its principal.

        Args:
            connection: An open connection.
            token: A token, an API key or a ticket; a ticket and a proof are spent even if it fails.

        Returns:
            None on success; else the refusal. Then nothing has changed, unless the connection has ended for
            another cause, or for `limits.offences`.
        """
        return await self._one_at_a_time(connection, self._refresh(connection, token))

    async def prove(self, connection: Connection, totp: str) -> Refusal | None:
        """Authenticate the principal of `connection` again, with a code of its second factor.

        Its authentication is then fresh and has two factors; nothing else changes.

        Returns:
            None on success; else the refusal, as for `refresh`.
        """
        return await self._one_at_a_time(connection, self._prove(connection, totp))

    async def _one_at_a_time(
        self, connection: Connection, renewing: Coroutine[Any, Any, Refusal | None]
    ) -> Refusal | None:
        refusal: Refusal | None
        if not connection.open or connection.endpoint.public is not None:
            renewing.close()
            denial = Denial.INVALID_MESSAGE if connection.open else Denial.ENDED
            refusal = Refusal(denial, "there is nothing to renew")
        elif connection.renewing:
            renewing.close()
            refusal = Refusal(Denial.BUSY, "it is being renewed already; one at a time")
        else:
            connection.renewing = True
            try:
                refusal = await renewing
            except StoreUnavailable as error:
                refusal = Refusal(Denial.UNAVAILABLE, f"the store does not answer: {error}")
            except Exception:  # noqa: BLE001 - on any error the old credential stays valid
                _log.exception("connection %s cannot be renewed", connection.id)
                refusal = Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
            finally:
                connection.renewing = False
        if refusal is not None and connection.open:
            self._inbound.reject(connection, refusal)
        return refusal

    # -- another credential --------------------------------------------------------------------------

    async def _refresh(self, connection: Connection, token: str) -> Refusal | None:
        key, monotonic = connection.principal.id, self._clock.monotonic()
        sink = connection.sink
        if sink is None:
            return Refusal(Denial.ENDED, "the principal does not exist")
        if not await answered(self._refreshes.spend(key, monotonic)):
            return _too_often(
                f"refreshes_per_principal = {self._limits.refreshes_per_principal!r}",
                await answered(self._refreshes.wait(key, monotonic)),
            )
        found = await self._credentials.verify(
            token, sink.handshake(), connection.address_key, connection.lease
        )
        # INVARIANT: no await from here on.
        if isinstance(found, Refusal):
            return found
        now, monotonic = self._clock.now(), self._clock.monotonic()
        refusal = self._still(connection, now, monotonic) or self._fits(connection, found, now)
        if refusal is not None:
            return refusal
        was = connection.authentication
        connection.renew(found, self._policies.current, now, monotonic)
        self._note(connection, f"{was.kind} {was.credential_id[:16]} by {found.kind}")
        return None

    def _still(self, connection: Connection, now: float, monotonic: float) -> Refusal | None:
        """Return the refusal if the connection ended, or a deadline or the lease passed; else None."""
        if connection.open and connection.is_expired(now, monotonic):
            self._registry.end(connection, Refusal(Denial.EXPIRED, "the credential has expired"))
        if not connection.open:
            return connection.closed_by or Refusal(Denial.ENDED, "it has ended meanwhile")
        if monotonic >= connection.lease.until:
            return Refusal(Denial.UNAVAILABLE, "the lease of this node has lapsed", retry_after=5)
        return None

    def _fits(
        self, connection: Connection, authentication: Authentication, now: float
    ) -> Refusal | None:
        """Return the refusal if the connection may not continue with this authentication; else None."""
        mine, other = connection.principal, authentication.principal
        if (mine.id, mine.tenant) != (other.id, other.tenant):
            self._checks.record_auth_failure(connection.address_key)
            return Refusal(
                Denial.FORBIDDEN, f"the credential belongs to {other.id!r}, the connection does not"
            )
        bound = _keys(connection.authentication)
        if bound and _keys(authentication) != bound:
            # A client with a token of a new login, but without the key, must not take over a connection
            # that is bound to the key.
            return Refusal(
                Denial.FORBIDDEN,
                "the credential is not bound to the key that opened the connection",
            )
        if authentication.expires_at is not None and not now < authentication.expires_at:
            return Refusal(Denial.EXPIRED, "the new credential has expired")
        if self._revocations.ends(authentication):
            return Refusal(Denial.REVOKED, "the new credential was revoked")
        permission = connection.endpoint.permission
        if permission is None:
            return None
        request = AccessRequest(
            other, permission, None, connection.environment(now, authentication)
        )
        decision = self._policies.current.decide(request, authentication.scopes)
        if decision.allowed:
            return None
        return Refusal(
            Denial.STEP_UP if decision.needs else Denial.FORBIDDEN,
            f"the new credential does not suffice: {decision.reason}",
            policy_ids=decision.policy_ids,
            needs=decision.needs,
        )

    # -- another factor ------------------------------------------------------------------------------

    async def _prove(self, connection: Connection, totp: str) -> Refusal | None:
        factors = self._factors
        if factors is None:
            return Refusal(Denial.INVALID_MESSAGE, "this guard verifies no second factors")
        principal_id, monotonic = connection.principal.id, self._clock.monotonic()
        refusal = await self._checks.auth_failures_exceeded(connection.address_key)
        if refusal is not None:
            return refusal
        # A code of six digits can be guessed, so wrong codes are counted per principal, not per address.
        if not await answered(self._proofs.spend(principal_id, monotonic)):
            return _too_often(
                f"proofs_per_principal = {self._limits.proofs_per_principal!r}",
                await answered(self._proofs.wait(principal_id, monotonic)),
            )
        try:
            async with asyncio.timeout(self._limits.authentication_seconds):
                proved = await factors.prove(principal_id, totp=totp)
        except TimeoutError:
            return Refusal(Denial.AUTHENTICATION_TIMEOUT, "the second factor took too long")
        # INVARIANT: no await from here on.
        now, monotonic = self._clock.now(), self._clock.monotonic()
        if proved is not True:
            self._checks.record_auth_failure(connection.address_key)
            return Refusal(Denial.BAD_CREDENTIAL, "the code is wrong, or was used before")
        refusal = self._still(connection, now, monotonic)
        if refusal is not None:
            return refusal
        authentication = connection.authentication
        fresh = replace(
            authentication,
            authenticated_at=now,
            # The result of this proof, even if it is weaker: an old strength, or a class from a provider,
            # must not be combined with the new time into one strong fresh login.
            strength=_TWO_FACTORS,
            acr=None,
        )
        connection.identify(fresh, connection.principal)
        self._note(connection, "a second factor was proved")
        return None

    def _note(self, connection: Connection, detail: str) -> None:
        self._trail.note(
            Event(
                time=self._clock.now(),
                name="connection_renewed",
                endpoint=connection.path,
                kind=connection.authentication.kind,
                principal=connection.principal.id,
                address=connection.address,
                connection=connection.id,
                detail=detail,
                proven=connection.proven,
            )
        )


def _keys(authentication: Authentication) -> frozenset[str]:
    """Return the keys that were proved by a separate proof for each request (DPoP)."""
    return frozenset(one for one in authentication.proofs if one.startswith("dpop:"))


def _too_often(limit: str, wait: float) -> Refusal:
    return Refusal(Denial.BACKOFF, f"limits.{limit} is reached", retry_after=max(1, round(wait)))
