"""Find exactly one credential of a request, and let one authenticator verify it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stormdoor.auth.authenticator import Authenticator, ProxyHeaderFilter, Rejected
from stormdoor.auth.dpop.proof import DPOP_SUBPROTOCOL
from stormdoor.auth.http_signature.request_signature import SIGNATURE_SUBPROTOCOL
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
from stormdoor.core.event import Event
from stormdoor.core.handshake import Handshake
from stormdoor.core.limits import Limits
from stormdoor.core.principal import ANONYMOUS, Authentication
from stormdoor.core.revocation import RevocationIndex
from stormdoor.core.ticket import TICKET_PREFIX
from stormdoor.errors import ConfigurationError
from stormdoor.guard.connection import UNKNOWN
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.gate import Entrance, Gate
from stormdoor.guard.lifetime import read_account
from stormdoor.guard.registry import Registry
from stormdoor.guard.trail import Trail
from stormdoor.guard.within import within
from stormdoor.ports import Clock, Store

__all__ = ["Identification"]

_IN_MESSAGES = (FIRST_MESSAGE, Place(Source.AUTHORIZATION, "bearer"))
"""The places of a credential in a message."""
_OFFERED = frozenset(
    Place(Source.SUBPROTOCOL, prefix)
    for prefix in (
        TICKET_SUBPROTOCOL,
        BEARER_SUBPROTOCOL,
        DPOP_SUBPROTOCOL,
        SIGNATURE_SUBPROTOCOL,
    )
)
"""Likewise, for a credential in the form of a subprotocol offer."""
_REQUEST = Endpoint("a request over HTTP", None)

_OFFER = "stormdoor."
_MOST_OFFERS = 2

_AMBIENT = {Source.COOKIE: "a cookie", Source.CERTIFICATE: "a certificate"}


def _offers(token: str) -> tuple[str, ...]:
    """Split a message into the subprotocols that it would offer in a handshake; () for a bare credential."""
    if not token.startswith(_OFFER):
        return ()
    return tuple(part.strip() for part in token.split(",", _MOST_OFFERS))


class Identification(Gate):
    """Verifies credentials of handshakes, of other requests, and of messages.

    Attributes:
        places: Places that authenticators read credentials from.
        headers: Further headers that authenticators read.
        exclusive_headers: Headers that only a proxy may send.
    """

    def __init__(
        self,
        *,
        entrance: Entrance,
        authenticators: Sequence[Authenticator],
        screens: Sequence[ProxyHeaderFilter] = (),
        limits: Limits,
        registry: Registry,
        revocations: RevocationIndex,
        trail: Trail,
        store: Store,
        clock: Clock,
    ) -> None:
        super().__init__(
            entrance=entrance, limits=limits, registry=registry, trail=trail, clock=clock
        )
        self._authenticators = tuple(authenticators)
        places = dict.fromkeys(place for one in authenticators for place in one.places)
        self.places = tuple(places)
        self._nothing = Refusal(
            Denial.NO_CREDENTIAL, f"no credential; looked in {self._looked_in()}"
        )
        _check_places(self.places)
        self._screens = (
            *screens,
            *(one for one in self._authenticators if isinstance(one, ProxyHeaderFilter)),
        )
        self.headers = _names("needs_headers", (*self._screens, *self._authenticators))
        self.exclusive_headers = _names(
            "exclusive_headers", (*self._screens, *self._authenticators)
        )
        self._revocations = revocations
        self._store = store

    async def identify(self, handshake: Handshake, address_key: str) -> Authentication | Refusal:
        """Authenticate a request that opens no socket, by the rules of a handshake.

        The caller has called `approach`, and checks revocations and policies itself.
        """
        return await self._identify(handshake, _REQUEST, address_key)

    async def _identify(
        self, handshake: Handshake, endpoint: Endpoint, address_key: str
    ) -> Authentication | Refusal:
        """Find exactly one credential and verify it."""
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
        # A browser attaches its session cookie to every request. The cookie may accompany a credential of
        # the same session; a certificate may accompany a token that is bound to it. Any other pair is two
        # credentials.
        if company is not None and not _belongs(company, outcome, handshake):
            return Refusal(
                Denial.AMBIGUOUS_CREDENTIAL,
                f"two credentials that do not belong together: {_where(found)}",
            )
        return outcome

    def _unfit(
        self, credential: Credential, found: Sequence[Credential], handshake: Handshake
    ) -> Refusal | None:
        """Return the refusal of a credential before an authenticator verifies it."""
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
        """Handle a request without a credential: refuse it, unless the first message may contain one."""
        if not endpoint.first_message:
            return self._nothing
        unknown = Authentication(UNKNOWN, "first-message", "", False, now, now)
        return self.guessing(address_key) or unknown

    def _screen(self, handshake: Handshake) -> Handshake | Refusal:
        """Refuse headers that only a proxy may send; read those of an authenticated proxy."""
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

    async def verify(
        self, token: str, handshake: Handshake, address_key: str
    ) -> Authentication | Refusal:
        """Verify a credential that came in a message, by the rules of a handshake.

        It accepts each token that a handshake accepts as `Authorization: Bearer` or in `FIRST_MESSAGE`. It
        also accepts subprotocols, as a browser would offer them, separated by commas; so a bound token can
        be sent with its proof. That proof, and the signature of a signed request, must be for the request
        that opened the connection.

        Args:
            token: The credential in the message.
            handshake: The facts of the connection. Its credentials are not read again.
            address_key: Address that a failure is charged to.

        Returns:
            The authentication. Until the caller's next `await`, it contains every known change of roles.

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
            return Refusal(
                Denial.BAD_CREDENTIAL, "no authenticator recognises the credential in the message"
            )
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
        """Return the credential of a message, in the place where an authenticator recognises it.

        A token with the prefix of a ticket is passed only to the ticket authenticator.
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
        """Return the first authenticator that reads the place of `credential` and recognises it."""
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
                Denial.BAD_CREDENTIAL,
                f"no authenticator recognises the credential in {_where([credential])}",
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
                        proven=False,
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

    def _looked_in(self) -> str:
        looked = [one for one in self.places if one.source is not Source.MESSAGE]
        return ", ".join(f"{one.source.value} {one.name!r}" for one in looked) or "nothing"


def _check_places(places: Sequence[Place]) -> None:
    """Check that all authenticators agree whether a place is ambient.

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
    """Return (explicit, ambient) if exactly one of each was presented, else None."""
    explicit = [one for one in found if not one.company]
    company = [one for one in found if one.company]
    return (explicit[0], company[0]) if len(explicit) == len(company) == 1 else None


def _belongs(company: Credential, authentication: Authentication, handshake: Handshake) -> bool:
    """Return whether the ambient credential is bound to the accepted explicit one."""
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
