"""Who may come in: the steps of a handshake, the cheapest first, in one fixed order.

shape → transport → Host and Origin → address budget → exactly one credential → authenticate →
`connect` permission → caps → registered → revocations once more → admitted.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from stormdoor.auth.authenticator import Authenticator, Rejected, Screen
from stormdoor.auth.dpop import DPOP_SUBPROTOCOL
from stormdoor.auth.request_signature import SIGNATURE_SUBPROTOCOL
from stormdoor.core.address import is_loopback, rate_key
from stormdoor.core.bucket import Rate
from stormdoor.core.connection import State
from stormdoor.core.credential import (
    BEARER_SUBPROTOCOL,
    FIRST_MESSAGE,
    MAX_SECRET,
    TICKET_SUBPROTOCOL,
    Credential,
    Place,
    Source,
    fingerprint,
    mtls_proof,
    presented,
)
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS, Event
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.core.origin import HostPolicy, OriginPolicy, quote
from stormdoor.core.policy import PolicySet
from stormdoor.core.principal import ANONYMOUS, Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.core.ticket import TICKET_PREFIX
from stormdoor.errors import ConfigurationError, StoreUnavailable
from stormdoor.guard.budget import Budget
from stormdoor.guard.connection import UNKNOWN, Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.lifetime import read_account
from stormdoor.guard.operator_log import OperatorLog
from stormdoor.guard.registry import Registry, public_key
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.trail import Trail
from stormdoor.guard.within import within
from stormdoor.ports import Clock, Store

__all__ = ["Admission", "Entrance"]

_log = logging.getLogger("stormdoor.admission")

_MAX_PATH = 2048
_IN_MESSAGES = (FIRST_MESSAGE, Place(Source.AUTHORIZATION, "bearer"))
"""The places of a credential that comes in a message."""
_OFFERED = frozenset(
    Place(Source.SUBPROTOCOL, prefix)
    for prefix in (
        TICKET_SUBPROTOCOL,
        BEARER_SUBPROTOCOL,
        DPOP_SUBPROTOCOL,
        SIGNATURE_SUBPROTOCOL,
    )
)
"""Likewise, for one that is written as it would be offered."""
_REQUEST = Endpoint("a request over HTTP", None)

_OFFER = "stormdoor."
_MOST_OFFERS = 2

_AMBIENT = {Source.COOKIE: "a cookie", Source.CERTIFICATE: "a certificate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What a guard asks of a handshake before it looks at credentials.

    Attributes:
        origins: The pages that may open sockets.
        hosts: The names under which the application may be addressed.
        insecure_allow_plaintext: Accept `ws://` from other machines.
        insecure_allow_missing_origin: Accept cookies from a client that sends no Origin.
        insecure_allow_any_host: `hosts` is empty on purpose.
    """

    origins: OriginPolicy
    hosts: HostPolicy
    insecure_allow_plaintext: bool = False
    insecure_allow_missing_origin: bool = False
    insecure_allow_any_host: bool = False


def _offers(token: str) -> tuple[str, ...]:
    """What a message says as a client would offer it in its handshake; nothing if it is a bare credential."""
    if not token.startswith(_OFFER):
        return ()
    return tuple(part.strip() for part in token.split(",", _MOST_OFFERS))


def _host_name(host: str) -> str:
    """The host without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _local(handshake: Handshake) -> bool:
    """Whether the handshake never left this machine: nobody can listen in on it."""
    name = _host_name(handshake.host)
    return (name == "localhost" or is_loopback(name)) and is_loopback(handshake.peer)


class WaitingRoom(Protocol):
    """What the admission needs of the antechamber."""

    def room(self, address_key: str) -> Refusal | None:
        """Whether another connection from this address may wait."""
        ...

    def enter(self, connection: Connection, handshake: Handshake) -> None:
        """It waits from now on."""
        ...


class Admission:
    """Decides handshakes. All state that it shares is passed in."""

    def __init__(
        self,
        *,
        entrance: Entrance,
        authenticators: Sequence[Authenticator],
        screens: Sequence[Screen] = (),
        policies: PolicySet,
        limits: Limits,
        registry: Registry,
        revocations: RevocationIndex,
        trail: Trail,
        statistics: Statistics,
        store: Store,
        clock: Clock,
    ) -> None:
        self._entrance = entrance
        self._authenticators = tuple(authenticators)
        places = dict.fromkeys(place for one in authenticators for place in one.places)
        self.places = tuple(places)
        self._nothing = Refusal(
            Denial.NO_CREDENTIAL, f"no credential; looked in {self._looked_in()}"
        )
        _check_places(self.places)
        self._screens = (
            *screens,
            *(one for one in self._authenticators if isinstance(one, Screen)),
        )
        self.headers = _names("needs_headers", (*self._screens, *self._authenticators))
        self.exclusive_headers = _names(
            "exclusive_headers", (*self._screens, *self._authenticators)
        )
        self.policies = policies
        self._limits = limits
        self._registry = registry
        self._revocations = revocations
        self._trail = trail
        self._statistics = statistics
        self._store = store
        self._clock = clock
        self._handshakes = Budget(Rate.parse(limits.handshakes_per_address))
        self._failures = Budget(Rate.parse(limits.failures_per_address))
        self.operator_log = OperatorLog(clock)
        self.closing = False
        self.blind = False
        self.antechamber: WaitingRoom | None = None
        """Where connections wait for their first message; set by who makes it."""

    async def admit(self, handshake: Handshake, endpoint: Endpoint) -> Connection | Refusal:
        """Decide one handshake.

        Returns:
            A registered, pending connection, or why there is none. Either way one entry is on its way
            to the trail. Nothing that goes wrong in here admits anybody.
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
        except Exception:  # noqa: BLE001 - fail closed, whatever it is
            _log.exception("admission failed for %s", endpoint.name)
            refusal = Refusal(Denial.INTERNAL, "an unforeseen error; see the log")
        self.refused(
            handshake,
            refusal,
            permission=endpoint.permission or "",
            kind=authentication.kind if authentication else "",
            principal=authentication.principal.id if authentication else "",
        )
        return refusal

    def approach(self, handshake: Handshake, address_key: str) -> Refusal | None:
        """What every request must pass, a login's as well as a handshake's, before it may cost anything.

        Args:
            handshake: The facts of the request.
            address_key: What counts as one client.
        """
        return self._strange(handshake) or self._too_often(address_key)

    def _strange(self, handshake: Handshake) -> Refusal | None:
        """What is wrong with where a request came from and where it went to."""
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down", retry_after=5)
        if not handshake.host:
            return Refusal(Denial.MALFORMED, "the request names no Host")
        if len(handshake.path) > _MAX_PATH:
            return Refusal(Denial.MALFORMED, f"the path is longer than {_MAX_PATH} characters")
        entrance = self._entrance
        # The name before the transport: a page of another name that was made to lead here (DNS rebinding) is
        # recorded as that, although it comes without TLS as well.
        if not entrance.hosts.allows(handshake.host):
            name = _host_name(handshake.host)
            return Refusal(
                Denial.HOST,
                f"{quote(handshake.host)} is not a name of this application; to allow it, add to the "
                f"guard: hosts = [{quote(name)}]",
            )
        if (
            handshake.scheme != "https"
            and not entrance.insecure_allow_plaintext
            and not _local(handshake)
        ):
            return Refusal(
                Denial.INSECURE_TRANSPORT,
                f"a plaintext request from {handshake.peer} for {quote(handshake.host)}; use TLS, or "
                "if a proxy on this machine ends TLS, add to the guard: "
                f'trusted_proxies = ["{handshake.peer}"]',
            )
        return None

    def _unable(self) -> Refusal | None:
        """Whether nobody can be let in at all now."""
        if not self._trail.healthy:
            return Refusal(Denial.UNAVAILABLE, "the trail cannot be written", retry_after=5)
        if self.blind:
            # A token proves itself, but nobody knows any more whether it was revoked elsewhere.
            return Refusal(Denial.UNAVAILABLE, "revocations cannot be followed", retry_after=5)
        return None

    def _too_often(self, address_key: str) -> Refusal | None:
        """Whether this address may ask anything at all now."""
        unable = self._unable()
        if unable is not None:
            return unable
        monotonic = self._clock.monotonic()
        if not self._handshakes.spend(address_key, monotonic):
            return Refusal(
                Denial.HANDSHAKE_RATE,
                f"limits.handshakes_per_address = {self._limits.handshakes_per_address!r} is reached",
                retry_after=_seconds(self._handshakes.wait(address_key, monotonic)),
            )
        return None

    def _at_the_gate(
        self, handshake: Handshake, endpoint: Endpoint, address_key: str
    ) -> Refusal | None:
        """Everything that costs nothing: no credential is read here."""
        if not endpoint.declared:
            return Refusal(
                Denial.UNDECLARED,
                f'{endpoint.name} declares nothing; write permission = "chat:connect" in the class, '
                "or pass it to protect(permissions={...})",
            )
        refusal = self._strange(handshake)
        if refusal is not None:
            return refusal
        # Before the budget: a hostile page must not use up the budget of whoever looks at it.
        return (
            self._foreign(handshake, endpoint)
            or self._too_often(address_key)
            or self._registry.room_for_address(address_key)
        )

    def _foreign(self, handshake: Handshake, endpoint: Endpoint) -> Refusal | None:
        """Whether a page asks that may not."""
        if endpoint.public is not None:
            return None
        reason = self._entrance.origins.refuse(handshake)
        return None if reason is None else Refusal(Denial.ORIGIN, reason)

    async def identify(self, handshake: Handshake, address_key: str) -> Authentication | Refusal:
        """Who sends a request that opens no socket, by the same credentials and the same rules.

        The caller has had it `approach`, and asks the revocations and the policies itself.
        """
        return await self._identify(handshake, _REQUEST, address_key)

    async def _identify(
        self, handshake: Handshake, endpoint: Endpoint, address_key: str
    ) -> Authentication | Refusal:
        """Find exactly one credential and have it verified."""
        now = self._clock.now()
        screened = self._screen(handshake)
        if isinstance(screened, Refusal):
            if screened.charged:
                self.failed(address_key)
            return screened
        handshake = screened
        if endpoint.public is not None:
            return Authentication(ANONYMOUS, "public", "", False, now, now)
        found = presented(handshake, self.places)
        if not found:
            return self._later(endpoint, address_key, now)
        credential, company = found[0], None
        if len(found) > 1:
            pair = _pair(found)
            if pair is None:
                return Refusal(
                    Denial.AMBIGUOUS_CREDENTIAL, f"more than one credential: {_where(found)}"
                )
            credential, company = pair
        refusal = self._unfit(credential, found, handshake) or self.guessing(address_key)
        if refusal is not None:
            return refusal
        outcome = await self._authenticate(credential, handshake, now)
        if isinstance(outcome, Refusal):
            if outcome.charged and outcome.denial is not Denial.AUTHENTICATION_TIMEOUT:
                self.failed(address_key)
            return outcome
        # A browser attaches its session cookie whether the page wants it or not. It may accompany a
        # credential that belongs to that very session; a certificate may accompany what is bound to it.
        # Any other pair is two credentials.
        if company is not None and not _belongs(company, outcome, handshake):
            return Refusal(
                Denial.AMBIGUOUS_CREDENTIAL,
                f"two credentials that do not belong together: {_where(found)}",
            )
        return outcome

    def _unfit(
        self, credential: Credential, found: Sequence[Credential], handshake: Handshake
    ) -> Refusal | None:
        """What is wrong with a credential before anybody looks into it."""
        originless = credential.ambient and handshake.origin is None
        if originless and not self._entrance.insecure_allow_missing_origin:
            return Refusal(
                Denial.ORIGIN,
                f"{_AMBIENT.get(credential.place.source, 'a proxy header')} without an Origin; a client "
                "that is no browser should use a token, a key or a ticket, or send the Origin of an "
                "allowed page",
            )
        if any(len(one.secret) > MAX_SECRET for one in found):
            return Refusal(Denial.BAD_CREDENTIAL, f"the credential is longer than {MAX_SECRET}")
        return None

    def _later(self, endpoint: Endpoint, address_key: str, now: float) -> Authentication | Refusal:
        """Who comes without a credential: refused, unless it may be said in the first message."""
        if not endpoint.first_message:
            return self._nothing
        unknown = Authentication(UNKNOWN, "first-message", "", False, now, now)
        return self.guessing(address_key) or unknown

    def _screen(self, handshake: Handshake) -> Handshake | Refusal:
        """Refuse what only a proxy may say; learn what a proxy that has proved itself says."""
        for one in self._screens:
            outcome = one.screen(handshake)
            if isinstance(outcome, Rejected):
                return Refusal(
                    outcome.denial,
                    outcome.detail,
                    headers=outcome.headers,
                    charged=outcome.charged,
                )
            handshake = outcome
        return handshake

    def guessing(self, address_key: str) -> Refusal | None:
        """Whether too many authentications from this address have failed, under whatever name."""
        wait = self._failures.wait(address_key, self._clock.monotonic())
        if wait <= 0.0:
            return None
        return Refusal(
            Denial.BACKOFF,
            f"limits.failures_per_address = {self._limits.failures_per_address!r} is reached",
            retry_after=_seconds(wait),
        )

    def failed(self, address_key: str) -> None:
        """Charge an address with a failed authentication."""
        self._failures.spend(address_key, self._clock.monotonic())

    async def verify(
        self, token: str, handshake: Handshake, address_key: str
    ) -> Authentication | Refusal:
        """Verify a credential that came in a message, by the rules of a handshake.

        Whoever accepts a token as `Authorization: Bearer` accepts it here, and so does whoever looks in
        `FIRST_MESSAGE`. What a browser would offer as subprotocols may stand here as well, separated by
        commas: so a token that is bound to a key comes with its proof. That proof, and the signature of a
        signed request, is for the request that opened the connection.

        Args:
            token: What was sent.
            handshake: The facts of the connection. Its credentials are not looked at again.
            address_key: Who is charged with a failure.

        Returns:
            What is true at the moment of returning: until the caller awaits something, no change of
            roles has been overlooked.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down")
        refusal = self._unable() or self.guessing(address_key)
        if refusal is not None:
            return refusal
        changes = self._revocations.changes
        outcome = await self._verify(token, handshake)
        if isinstance(outcome, Refusal):
            if outcome.charged and outcome.denial is not Denial.AUTHENTICATION_TIMEOUT:
                self.failed(address_key)
            return outcome
        if not outcome.live or changes == self._revocations.changes:
            return outcome
        account = await read_account(self._store, self._revocations, outcome.principal.id)
        if account is None or account.disabled:
            return Refusal(Denial.REVOKED, "the account was disabled or removed")
        return replace(outcome, principal=account.principal)

    async def _verify(self, token: str, handshake: Handshake) -> Authentication | Refusal:
        screened = self._screen(handshake)
        if isinstance(screened, Refusal):
            return screened
        bare = replace(
            screened, authorization=(), headers={}, cookies={}, subprotocols=(), query={}
        )
        if not 0 < len(token) <= MAX_SECRET:
            return Refusal(Denial.BAD_CREDENTIAL, f"the credential is longer than {MAX_SECRET}")
        offered = replace(bare, subprotocols=_offers(token))
        credential = self._in_message(token, offered)
        if credential is None:
            return Refusal(Denial.BAD_CREDENTIAL, "nobody recognises the credential in the message")
        outcome = await self._authenticate(credential, offered, self._clock.now())
        company = presented(bare, self.places)
        if (
            isinstance(outcome, Authentication)
            and company
            and not _belongs(company[0], outcome, bare)
        ):
            return Refusal(
                Denial.AMBIGUOUS_CREDENTIAL,
                f"two credentials that do not belong together: {_where([credential, *company])}",
            )
        return outcome

    def _in_message(self, token: str, offered: Handshake) -> Credential | None:
        """The credential that a message holds, in the place where somebody recognises it.

        What begins as a ticket does is one, and nobody else sees it.
        """
        if offered.subprotocols:
            found = presented(offered, _OFFERED.intersection(self.places))
            return found[0] if len(found) == 1 else None
        if token.startswith(TICKET_PREFIX):
            return Credential(Place(Source.SUBPROTOCOL, TICKET_SUBPROTOCOL), token)
        for authenticator in self._authenticators:
            for place in _IN_MESSAGES:
                credential = Credential(place, token)
                if place in authenticator.places and authenticator.recognises(credential):
                    return credential
        return None

    def authenticator_for(self, credential: Credential) -> Authenticator | None:
        """Who decides about `credential`: the first that looks there and recognises it."""
        for authenticator in self._authenticators:
            if credential.place in authenticator.places and authenticator.recognises(credential):
                return authenticator
        return None

    async def _authenticate(
        self, credential: Credential, handshake: Handshake, now: float
    ) -> Authentication | Refusal:
        authenticator = self.authenticator_for(credential)
        if authenticator is None:
            return Refusal(
                Denial.BAD_CREDENTIAL, f"nobody recognises the credential in {_where([credential])}"
            )
        try:
            outcome = await within(
                self._limits.authentication_seconds,
                authenticator.authenticate(credential, handshake, store=self._store, now=now),
            )
        except TimeoutError:
            return Refusal(
                Denial.AUTHENTICATION_TIMEOUT,
                f"{authenticator.kind} took longer than limits.authentication_seconds",
                retry_after=5,
            )
        if isinstance(outcome, Rejected):
            if outcome.reused:
                self._trail.note(
                    Event(
                        time=now,
                        name="authn_token_reuse",
                        endpoint=handshake.path,
                        kind=authenticator.kind,
                        principal=outcome.principal_id,
                        address=handshake.address,
                        user_agent=handshake.user_agent,
                        detail=outcome.detail,
                    )
                )
            return Refusal(
                outcome.denial,
                f"{authenticator.kind}: {outcome.detail}",
                retry_after=outcome.retry_after,
                headers=outcome.headers,
                charged=outcome.charged,
            )
        return outcome

    def _enter(
        self,
        handshake: Handshake,
        endpoint: Endpoint,
        authentication: Authentication,
        address_key: str,
    ) -> Connection | Refusal:
        """Caps, permission, registration and the last look at revocations: one step without an await."""
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down", retry_after=5)
        registry = self._registry
        key = public_key(address_key) if endpoint.public else authentication.principal.id
        now, monotonic = self._clock.now(), self._clock.monotonic()
        refusal = registry.room_for_address(address_key)
        waits = authentication.principal is UNKNOWN
        if waits:
            # Not that of a public endpoint: those that wait take no room there.
            key = public_key(f"{address_key}\0")
            room = self.antechamber
            refusal = refusal or (
                Refusal(Denial.INTERNAL, "nobody waits here")
                if room is None
                else room.room(address_key)
            )
        else:
            refusal = refusal or registry.room_for_principal(key)
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
        """Whether its principal may connect."""
        permission = connection.endpoint.permission
        # What stands in `allowed` was decided for this standing, and cannot depend on anything else.
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
        """A connection that waited has said who it is: `_enter`, the second half, without an await.

        Returns:
            Why it may not be let in; the caller ends it then.
        """
        if self.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down")
        registry, key = self._registry, authentication.principal.id
        refusal = registry.room_for_principal(key)
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
        """Somebody's roles changed while the store was asked: read this principal's once more.

        It is registered by now, so that whatever changes later finds it.
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
    ) -> None:
        """Count, record and log a refused request; `admit` has done so for its own handshakes.

        Args:
            handshake: The facts of the request.
            refusal: Why.
            permission: What it would have taken.
            kind: Kind of the credential, if one was accepted.
            principal: Whose it was, or whom it claimed to be.
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
                principal=principal,
                address=handshake.address,
                user_agent=handshake.user_agent,
                detail=refusal.detail,
            )
        )
        self.operator_log.refused(
            refusal, path=handshake.path, address=handshake.address, principal=principal
        )

    def _looked_in(self) -> str:
        looked = [one for one in self.places if one.source is not Source.MESSAGE]
        return ", ".join(f"{one.source.value} {one.name!r}" for one in looked) or "nothing"


def _check_places(places: Sequence[Place]) -> None:
    """One place is ambient or it is not, whoever looks there.

    Raises:
        ConfigurationError: Two authenticators disagree.
    """
    for one in places:
        if Place(one.source, one.name, not one.ambient) in places:
            raise ConfigurationError(
                f"two authenticators look in {one.source.value} {one.name!r}, and only one of them says "
                "that a browser brings it along by itself; give them different names"
            )


def _names(attribute: str, owners: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in owners for name in getattr(one, attribute, ())))


def _pair(found: Sequence[Credential]) -> tuple[Credential, Credential] | None:
    """The explicit credential and its company, if several are exactly these two."""
    explicit = [one for one in found if not one.company]
    company = [one for one in found if one.company]
    return (explicit[0], company[0]) if len(explicit) == len(company) == 1 else None


def _belongs(company: Credential, authentication: Authentication, handshake: Handshake) -> bool:
    """Whether what came along is only the company of the explicit credential that was accepted."""
    match company.place.source:
        case Source.COOKIE:
            return authentication.session_id == fingerprint(company.secret)
        case Source.CERTIFICATE:
            certificate = handshake.certificate
            return certificate is not None and mtls_proof(certificate) in authentication.proofs
        case _:
            return False


def _where(credentials: Sequence[Credential]) -> str:
    return ", ".join(f"{one.place.source.value} {one.place.name!r}" for one in credentials)


def _seconds(wait: float) -> int:
    return max(1, math.ceil(wait))
