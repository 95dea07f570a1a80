"""Decide handshakes: the checks in one fixed order, the cheapest first.

shape → transport → Host and Origin → address budget → exactly one credential → authenticate → `connect`
permission → caps → registered → revocations again → admitted.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from hmac import compare_digest
from typing import Protocol

from stormdoor.auth.authenticator import Authenticator, ProxyHeaderFilter
from stormdoor.core.address import rate_key
from stormdoor.core.connection import State
from stormdoor.core.credential import Source, fingerprint, presented
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.connection import UNKNOWN, Connection, is_proven
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.gate import FOREIGN, Entrance
from stormdoor.guard.identification import Identification
from stormdoor.guard.lifetime import read_account
from stormdoor.guard.registry import Registry, public_key
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, Store

__all__ = ["Admission", "same_credential"]

_log = logging.getLogger("stormdoor.admission")


def same_credential(one: Authentication, other: Authentication) -> bool:
    """Return whether both stand for the same principal by the same credential."""
    return (
        one.principal.id == other.principal.id
        and one.kind == other.kind
        and one.credential_id == other.credential_id
        and one.session_id == other.session_id
        and one.token_hash == other.token_hash
    )


class WaitingRoom(Protocol):
    """Interface of the admission to connections that wait for their first message."""

    def room(self, address_key: str) -> Refusal | None:
        """Return the refusal if no further connection from this address may wait."""
        ...

    def enter(self, connection: Connection, handshake: Handshake) -> None:
        """Add a connection that waits for its first message."""
        ...


class Admission(Identification):
    """Decides handshakes. All state that it shares is passed in."""

    def __init__(
        self,
        *,
        entrance: Entrance,
        authenticators: Sequence[Authenticator],
        screens: Sequence[ProxyHeaderFilter] = (),
        policies: PolicySet,
        limits: Limits,
        registry: Registry,
        revocations: RevocationIndex,
        trail: Trail,
        statistics: Statistics,
        store: Store,
        clock: Clock,
    ) -> None:
        super().__init__(
            entrance=entrance,
            authenticators=authenticators,
            screens=screens,
            limits=limits,
            registry=registry,
            revocations=revocations,
            trail=trail,
            store=store,
            clock=clock,
        )
        self.policies = policies
        self._usual = limits.applied(own_protocol=False)
        self._statistics = statistics
        self.operator_log = registry.operator_log
        self.antechamber: WaitingRoom | None = None
        """Connections that wait for their first message; set by the code that creates this object."""

    async def admit(self, handshake: Handshake, endpoint: Endpoint) -> Connection | Refusal:
        """Decide one handshake.

        Returns:
            A registered, pending connection, or the refusal. Either way an entry is queued for the trail.
            An error in here never admits a client.
        """
        address_key = rate_key(handshake.address, self._limits.ipv6_prefix)
        authentication: Authentication | None = None
        changes = self._revocations.changes
        try:
            refusal = self._at_the_gate(handshake, endpoint, address_key)
            if refusal is None:
                found = await self._identify(handshake, endpoint, address_key)
                if isinstance(found, Refusal):
                    refusal = found
                else:
                    authentication = found
                    entered = self._enter(handshake, endpoint, authentication, address_key)
                    stale = authentication.live and changes != self._revocations.changes
                    if stale and isinstance(entered, Connection):
                        entered = await self._look_again(entered)
                    if isinstance(entered, Connection):
                        if not entered.waiting:
                            self.admitted(handshake, entered)
                        return entered
                    refusal = entered
        except StoreUnavailable as error:
            refusal = Refusal(
                Denial.UNAVAILABLE, f"the store does not answer: {error}", retry_after=5
            )
        except Exception:  # noqa: BLE001 - fail closed on any error
            _log.exception("admission failed for %s", endpoint.name)
            refusal = Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
        kind = id = ""
        if authentication is not None:
            kind, id = authentication.kind, authentication.principal.id
        proven = authentication is not None and is_proven(authentication.principal)
        self.refused(
            handshake,
            refusal,
            permission=endpoint.permission or "",
            kind=kind,
            principal=id if proven else "",
            claimed="" if proven else id,
        )
        return refusal

    async def admit_again(
        self, handshake: Handshake, endpoint: Endpoint, owner: Authentication
    ) -> Refusal | None:
        """Decide one more request of a transport session that `owner` has begun.

        The connection of the session lives as long as its credential is valid, like that of a socket. So
        the client need only present this credential again.

        Args:
            handshake: The facts of the request, see `request_as_handshake`.
            endpoint: The declared endpoint.
            owner: Authentication of the client that began the session.

        Returns:
            The refusal, or None. A refusal has been noted in the trail.
        """
        address_key = rate_key(handshake.address, self._limits.ipv6_prefix)
        principal = ""
        try:
            refusal = self._strange(handshake)
            if refusal is None and (foreign := self._foreign(handshake, endpoint)) is not None:
                refusal = self._too_often(address_key, FOREIGN) or foreign
            refusal = refusal or self._unable()
            if refusal is None and not self._shows_cookie_of(owner, handshake):
                found = await self._identify(handshake, endpoint, address_key)
                if isinstance(found, Refusal):
                    refusal = found
                else:
                    principal = found.principal.id
                    if not same_credential(found, owner):
                        refusal = Refusal(
                            Denial.FORBIDDEN,
                            "the transport session belongs to another principal or credential",
                        )
                    elif self._revocations.ends(found):
                        refusal = Refusal(Denial.REVOKED, "the credential was revoked")
        except StoreUnavailable as error:
            refusal = Refusal(
                Denial.UNAVAILABLE, f"the store does not answer: {error}", retry_after=5
            )
        except Exception:  # noqa: BLE001 - fail closed on any error
            _log.exception("admission failed for %s", endpoint.name)
            refusal = Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
        if refusal is not None:
            permission = endpoint.permission or ""
            self.refused(handshake, refusal, permission=permission, principal=principal)
        return refusal

    def _shows_cookie_of(self, owner: Authentication, handshake: Handshake) -> bool:
        """Return whether `handshake` presents the very cookie of `owner`, and nothing else.

        Authenticating it at each poll would extend the login of an open page without end (ASVS 7.3.1).
        """
        found = presented(handshake, self.places)
        return (
            len(found) == 1
            and found[0].place.source is Source.COOKIE
            and handshake.origin is not None
            and not owner.proofs
            and compare_digest(fingerprint(found[0].secret), owner.credential_id)
        )

    def _enter(
        self,
        handshake: Handshake,
        endpoint: Endpoint,
        authentication: Authentication,
        address_key: str,
    ) -> Connection | Refusal:
        """Caps, permission, registration and the last check for revocations: one step without an await."""
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down", retry_after=5)
        registry = self._registry
        key = public_key(address_key) if endpoint.public else authentication.principal.id
        limits = endpoint.limits or self._usual
        now, monotonic = self._clock.now(), self._clock.monotonic()
        refusal = registry.room_for_address(address_key)
        waits = authentication.principal is UNKNOWN
        if waits:
            # The caps of a public endpoint do not count here, and neither do connections that wait.
            key = public_key(f"{address_key}\0")
            room = self.antechamber
            refusal = refusal or (
                Refusal(
                    Denial.INTERNAL, "this guard has no connections that wait for a first message"
                )
                if room is None
                else room.room(address_key)
            )
        else:
            refusal = refusal or registry.room_for_principal(key, limits)
        if refusal is not None:
            return refusal
        connection = Connection(
            id=secrets.token_hex(8),
            authentication=authentication,
            endpoint=endpoint,
            path=handshake.path,
            address=handshake.address,
            address_key=address_key,
            now=now,
            monotonic=monotonic,
            policies=self.policies,
            shared=registry.shared(key),
            limits=limits,
            connection_seconds=self._limits.connection_seconds,
            notice_seconds=self._limits.expiry_notice_seconds,
        )
        refusal = None if waits else self._forbidden(connection, now)
        if refusal is not None:
            return refusal
        # INVARIANT: registered before the last check, so that no revocation falls between the two.
        registry.add(connection)
        if monotonic >= connection.deadline:
            registry.end(connection, recorded=False)
            return Refusal(Denial.EXPIRED, "the credential expired during the handshake")
        if self._revocations.ends(authentication):
            registry.end(connection, recorded=False)
            return Refusal(Denial.REVOKED, "the credential was revoked")
        if waits and self.antechamber is not None:
            self.antechamber.enter(connection, handshake)
        return connection

    def _forbidden(self, connection: Connection, now: float) -> Refusal | None:
        """Return the refusal if the principal may not connect."""
        permission = connection.endpoint.permission
        # A decision in `allowed` was made for the present roles and policies, and depends on nothing else.
        if permission is None or permission in connection.allowed:
            return None
        decision = connection.decide(permission, None, now)
        if decision.allowed:
            return None
        denial = Denial.STEP_UP if decision.needs else Denial.FORBIDDEN
        return Refusal(
            denial, decision.reason, policy_ids=decision.policy_ids, needs=decision.needs
        )

    def let_in(self, connection: Connection, authentication: Authentication) -> Refusal | None:
        """Complete a waiting connection after its first message: `_enter`, the second half, without an await.

        Returns:
            The refusal, or None. On a refusal, the caller ends the connection.
        """
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down")
        registry, key = self._registry, authentication.principal.id
        refusal = registry.room_for_principal(key, connection.limits)
        if refusal is not None:
            return refusal
        now, monotonic = self._clock.now(), self._clock.monotonic()
        registry.move(connection, registry.shared(key))
        connection.renew(authentication, self.policies, now, monotonic)
        if connection.due(now, monotonic):
            return Refusal(Denial.EXPIRED, "the credential expired while it was verified")
        if self._revocations.ends(authentication):
            return Refusal(Denial.REVOKED, "the credential was revoked")
        return self._forbidden(connection, now)

    async def _look_again(self, connection: Connection) -> Connection | Refusal:
        """Read the principal again: accounts changed during the wait for the store.

        The connection is registered by now, so each later change finds it.
        """
        try:
            account = await read_account(self._store, self._revocations, connection.principal.id)
        except BaseException:
            self._registry.end(connection, recorded=False)
            raise
        if connection.state is State.ENDED:
            return connection.closed_by or Refusal(Denial.REVOKED, "it has ended meanwhile")
        refusal: Refusal | None = None
        permission = connection.endpoint.permission
        if account is None or account.disabled:
            refusal = Refusal(Denial.REVOKED, "the account was disabled or removed")
        else:
            connection.judge_by(self.policies, account.principal)
            if permission is not None and not connection.may(permission, None, self._clock.now()):
                refusal = Refusal(Denial.FORBIDDEN, f"{permission} is no longer granted")
        if refusal is None:
            return connection
        self._registry.end(connection, recorded=False)
        return refusal

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
    ) -> None:
        """Count, record and log a refused request; `admit` has done so for its own handshakes.

        Args:
            handshake: The facts of the request.
            refusal: The denial and its detail.
            permission: The permission that the request needs.
            kind: Kind of the credential, if one was accepted.
            principal: The principal that has proved its identity, if one has.
            claimed: The principal that the client names without a proof.
        """
        self._statistics.refused[refusal.denial] += 1
        self._trail.note(
            Event(
                time=self._clock.now(),
                name=REFUSED_AS[refusal.denial],
                cause=refusal.denial.value,
                endpoint=handshake.path,
                permission=permission,
                kind=kind,
                policies=refusal.policy_ids,
                principal=principal or claimed,
                address=handshake.address,
                user_agent=handshake.user_agent,
                detail=refusal.detail,
                proven=principal != "",
            )
        )
        self.operator_log.refused(
            refusal,
            path=handshake.path,
            address=handshake.address,
            principal=principal or claimed,
        )
