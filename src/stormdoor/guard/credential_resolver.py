"""The steps that find exactly one credential of a request, and let one authenticator verify it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from stormdoor.auth.authenticator import Authenticator, ProxyHeaderFilter, Rejected
from stormdoor.core.credential import (
    BEARER,
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
from stormdoor.core.histogram import Histogram
from stormdoor.core.lease import Lease
from stormdoor.core.limits import Limits
from stormdoor.core.principal import ANONYMOUS, Authentication, find_flaw
from stormdoor.core.revocation import RevocationIndex
from stormdoor.core.ticket import TICKET_PREFIX
from stormdoor.errors import ConfigurationError
from stormdoor.guard.attempt import ANOTHER_LOG, Attempt
from stormdoor.guard.connection import UNKNOWN
from stormdoor.guard.endpoint import Endpoint
from stormdoor.guard.handshake_checks import HandshakeChecks, HandshakePolicy
from stormdoor.guard.present_rights import read_account
from stormdoor.guard.statistics import Statistics
from stormdoor.guard.timeout import run_with_timeout
from stormdoor.guard.trail import Trail
from stormdoor.ports import Clock, StoredState

__all__ = ["CredentialResolver"]

_log = logging.getLogger("stormdoor.admission")

_TOKENS = (FIRST_MESSAGE, BEARER)
"""The places of a bare token in a message."""

_REQUEST = Endpoint("a message", None)

_OFFER = "stormdoor."
_MOST_OFFERS = 2

_AMBIENT = {Source.COOKIE: "a cookie", Source.CERTIFICATE: "a certificate"}


def _ambient_name(place: Place) -> str:
    """Return words for an ambient credential; a name with a space is that of no header (`application`)."""
    return _AMBIENT.get(place.source) or (place.name if " " in place.name else "a proxy header")


def _offers(token: str, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Split a message into the subprotocols that it names; return () if it is a plain credential."""
    if not token.startswith(prefixes):
        return ()
    return tuple(part.strip() for part in token.split(",", _MOST_OFFERS))


class CredentialResolver:
    """Verifies credentials of handshakes, of other requests, and of messages.

    Attributes:
        places: Places that authenticators read credentials from.
        headers: Further headers that authenticators read.
        exclusive_headers: Headers that only a proxy may send.
        needs_request: Whether an authenticator reads the server's own object for the request.
        screens: The filters of these headers, in order.
    """

    def __init__(
        self,
        *,
        policy: HandshakePolicy,
        authenticators: Sequence[Authenticator],
        screens: Sequence[ProxyHeaderFilter] = (),
        checks: HandshakeChecks,
        limits: Limits,
        revocations: RevocationIndex,
        trail: Trail,
        state: StoredState,
        clock: Clock,
        statistics: Statistics,
    ) -> None:
        self._policy = policy
        self._checks = checks
        self._limits = limits
        self._revocations = revocations
        self._trail = trail
        self._state = state
        self._clock = clock
        self._authenticators = tuple(authenticators)
        self._seconds = statistics.authentication_seconds
        for one in authenticators:
            _check_methods(one)
            self._seconds.setdefault(one.kind, Histogram())
        self._foreign = {id(one) for one in authenticators if not _has_typed_result(one)}
        self.places = tuple(dict.fromkeys(place for one in authenticators for place in one.places))
        _check_places(self.places)
        # By identity: comparing places costs more than the rest of the search.
        self._readers = {id(place): self._readers_of(place) for place in self.places}
        self._offered = [one for one in self.places if one.source is Source.SUBPROTOCOL]
        self._offers = (_OFFER, *(one.name for one in self._offered))
        self._nothing = Refusal(
            Denial.NO_CREDENTIAL, f"no credential; looked in {_looked_in(self.places)}"
        )
        self.screens = (
            *screens,
            *(one for one in self._authenticators if isinstance(one, ProxyHeaderFilter)),
        )
        readers = (*self.screens, *self._authenticators)
        self.headers = _names("needs_headers", readers)
        self.exclusive_headers = _names("exclusive_headers", readers)
        self.needs_request = any(getattr(one, "needs_request", False) for one in readers)

    # -- the steps of a handshake --------------------------------------------------------------------

    def filter_proxy_headers(self, attempt: Attempt) -> Refusal | None:
        """Refuse headers that only a proxy may send; read those of an authenticated proxy."""
        if not self.screens:
            return None
        screened = self._screen(attempt.handshake)
        if isinstance(screened, Refusal):
            return self._charged(attempt.address_key, screened)
        attempt.filtered = screened
        return None

    def find(self, attempt: Attempt) -> Refusal | None:
        """Refuse unless the request presents exactly one credential.

        A public endpoint reads none. If the endpoint allows it, the credential follows in the first message.
        """
        endpoint = attempt.endpoint
        if endpoint.public is not None:
            return None
        attempt.presented = found = presented(attempt.filtered, self.places)
        if not found:
            return None if endpoint.first_message else self._nothing
        attempt.credential = found[0]
        if len(found) > 1:
            pair = split_explicit_and_ambient(found)
            if pair is None:
                return Refusal(
                    Denial.AMBIGUOUS_CREDENTIAL, f"more than one credential: {_where(found)}"
                )
            attempt.credential, attempt.ambient = pair
        return None

    def precheck(self, attempt: Attempt) -> Refusal | None:
        """Refuse an ambient credential without an Origin, and one that is too long to verify."""
        credential, ambient = attempt.credential, attempt.ambient
        if credential is None:
            return None
        if (
            credential.place.ambient
            and attempt.filtered.origin is None
            and not self._policy.insecure_allow_missing_origin
        ):
            return Refusal(
                Denial.ORIGIN,
                f"{_ambient_name(credential.place)} without an Origin; a client "
                "that is no browser should use a token, a key or a ticket, or send the Origin of an "
                "allowed page",
            )
        if len(credential.secret) > MAX_SECRET or (
            ambient is not None and len(ambient.secret) > MAX_SECRET
        ):
            return Refusal(Denial.BAD_CREDENTIAL, f"the credential is longer than {MAX_SECRET}")
        return None

    async def authenticate(self, attempt: Attempt) -> Refusal | None:
        """Verify the credential with its authenticator. A failure is charged to the address."""
        credential, now = attempt.credential, self._clock.now()
        if credential is None:
            attempt.authentication = (
                defer_to_first_message(now)
                if attempt.endpoint.public is None
                else Authentication(ANONYMOUS, "public", "", False, now, now)
            )
            return None
        authenticator = self.authenticator_for(credential)
        if authenticator is None:
            return self._charged(
                attempt.address_key,
                Refusal(
                    Denial.BAD_CREDENTIAL,
                    f"no authenticator recognises the credential in {_where([credential])}",
                ),
            )
        handshake = attempt.filtered
        began = self._clock.monotonic()
        try:
            outcome = await run_with_timeout(
                self._limits.authentication_seconds,
                authenticator.authenticate(credential, handshake, state=self._state, now=now),
            )
        except TimeoutError:
            return Refusal(
                Denial.AUTHENTICATION_TIMEOUT,
                f"{authenticator.kind} took longer than limits.authentication_seconds",
                retry_after=5,
            )
        finally:
            self._seconds[authenticator.kind].observe(self._clock.monotonic() - began)
        if not isinstance(outcome, Rejected):
            flaw = find_flaw(outcome, now) if id(authenticator) in self._foreign else None
            if flaw is not None:
                _log.error("%s: the result of authenticate: %s", type(authenticator).__name__, flaw)
                return Refusal(Denial.INTERNAL, f"{authenticator.kind}: its result: {flaw}")
            attempt.authentication = outcome
            return None
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
        return self._charged(
            attempt.address_key,
            Refusal(
                outcome.denial,
                f"{authenticator.kind}: {outcome.detail}",
                retry_after=outcome.retry_after,
                headers=outcome.headers,
                charged=outcome.charged,
            ),
        )

    def check_ambient(self, attempt: Attempt) -> Refusal | None:
        """Refuse an ambient credential that is not bound to the accepted one.

        A browser attaches its session cookie to every request. The cookie may accompany a credential of the
        same session; a certificate may accompany a token that is bound to it. Any other pair is two
        credentials, and the trail names the principal of neither.
        """
        ambient, found = attempt.ambient, attempt.authentication
        if ambient is None or found is None or is_bound_to(ambient, found, attempt.filtered):
            return None
        attempt.authentication = None
        return Refusal(
            Denial.AMBIGUOUS_CREDENTIAL,
            f"two credentials that do not belong together: {_where(attempt.presented)}",
        )

    # -- a credential in a message ---------------------------------------------------------------------

    async def verify(
        self, token: str, handshake: Handshake, address_key: str, lease: Lease
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
            lease: Lease of the connection; if it has lapsed, no credential is verified.

        Returns:
            The authentication. Until the caller's next `await`, it contains every known change of roles.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        checks = self._checks
        if checks.closing:
            return Refusal(Denial.SHUTDOWN, "the server is shutting down")
        refusal = checks.unavailable(lease) or await checks.auth_failures_exceeded(address_key)
        if refusal is not None:
            return refusal
        attempt = Attempt(handshake, _REQUEST, address_key, self._revocations.changes, handshake)
        refusal = self._read_message(token, attempt)
        if refusal is not None:
            return self._charged(address_key, refusal)
        refusal = await self.authenticate(attempt)
        if refusal is not None:
            return refusal
        refusal = self.check_ambient(attempt)
        found = attempt.authentication
        if refusal is not None or found is None:
            return self._charged(address_key, refusal or Refusal(Denial.BAD_CREDENTIAL))
        if attempt.changes == self._revocations.changes:
            return found
        account = None
        if found.live:
            account = await read_account(
                self._state.accounts, self._revocations, found.principal.id
            )
        if attempt.changes < self._revocations.reloaded:
            return ANOTHER_LOG
        if not found.live:
            return found
        if account is None or account.disabled:
            return Refusal(Denial.REVOKED, "the account was disabled or removed")
        return replace(found, principal=account.principal)

    def _read_message(self, token: str, attempt: Attempt) -> Refusal | None:
        """Find the credential of a message, and the connection's certificate, to which it may be bound."""
        screened = self._screen(attempt.handshake)
        if isinstance(screened, Refusal):
            return screened
        if not 0 < len(token) <= MAX_SECRET:
            return Refusal(Denial.BAD_CREDENTIAL, f"the credential is longer than {MAX_SECRET}")
        bare = replace(
            screened, authorization=(), headers={}, cookies={}, subprotocols=(), query={}
        )
        attempt.filtered = replace(bare, subprotocols=_offers(token, self._offers))
        credential = self._in_message(token, attempt.filtered)
        if credential is None:
            return Refusal(
                Denial.BAD_CREDENTIAL, "no authenticator recognises the credential in the message"
            )
        ambient = presented(bare, self.places)
        attempt.credential, attempt.presented = credential, [credential, *ambient]
        attempt.ambient = ambient[0] if ambient else None
        return None

    def _in_message(self, token: str, offered: Handshake) -> Credential | None:
        """Return the credential of a message, in the place where an authenticator recognises it.

        A token with the prefix of a ticket is passed only to the ticket authenticator.
        """
        if offered.subprotocols:
            found = presented(offered, self._offered)
            return found[0] if len(found) == 1 else None
        if token.startswith(TICKET_PREFIX):
            return Credential(Place(Source.SUBPROTOCOL, TICKET_SUBPROTOCOL), token)
        for authenticator in self._authenticators:
            for place in _TOKENS:
                credential = Credential(place, token)
                if place in authenticator.places and authenticator.recognises(credential):
                    return credential
        return None

    # -- one authenticator -----------------------------------------------------------------------------

    def _screen(self, handshake: Handshake) -> Handshake | Refusal:
        for one in self.screens:
            outcome = one.screen(handshake)
            if isinstance(outcome, Rejected):
                return Refusal(
                    outcome.denial,
                    outcome.detail,
                    headers=outcome.headers,
                    charged=outcome.charged,
                )
            if type(outcome) is not Handshake:
                name = type(one).__name__
                _log.error(
                    "%s.screen returned %s; return the handshake", name, type(outcome).__name__
                )
                return Refusal(Denial.INTERNAL, f"the result of {name}.screen is no handshake")
            handshake = outcome
        return handshake

    def _charged(self, address_key: str, refusal: Refusal) -> Refusal:
        """Charge a failed authentication to the address."""
        if refusal.charged and refusal.denial is not Denial.AUTHENTICATION_TIMEOUT:
            self._checks.record_auth_failure(address_key)
        return refusal

    def authenticator_for(self, credential: Credential) -> Authenticator | None:
        """Return the first authenticator that reads the place of `credential` and recognises it."""
        place = credential.place
        for authenticator in self._readers.get(id(place)) or self._readers_of(place):
            if authenticator.recognises(credential):
                return authenticator
        return None

    def _readers_of(self, place: Place) -> list[Authenticator]:
        return [one for one in self._authenticators if place in one.places]


def _check_methods(authenticator: Authenticator) -> None:
    """Check that the guard can call an authenticator: it may follow the interface of another release.

    Raises:
        ConfigurationError: A method is missing, or takes other arguments; the message has the line to write.
    """
    name = type(authenticator).__name__
    if isinstance(authenticator, type):
        raise ConfigurationError(
            f"authenticators: {authenticator.__name__} is a class; write {authenticator.__name__}(…)"
        )
    if not isinstance(authenticator, Authenticator):
        raise ConfigurationError(
            f"authenticators: {name} lacks kind, places, recognises or authenticate; see the guide "
            "write-an-authenticator"
        )
    _check_call(
        f"async def authenticate(self, credential, handshake, *, state, now) in {name}",
        authenticator.authenticate,
        *("credential", "handshake"),
        state=None,
        now=0.0,
    )
    _check_call(
        f"def recognises(self, credential) in {name}", authenticator.recognises, "credential"
    )
    if isinstance(authenticator, ProxyHeaderFilter):
        _check_call(f"def screen(self, handshake) in {name}", authenticator.screen, "handshake")


def _has_typed_result(authenticator: Authenticator) -> bool:
    """Return whether the code of stormdoor alone makes the result, so that a type checker has read it."""
    own = type(authenticator).__module__.startswith("stormdoor.auth.")
    return own and not getattr(authenticator, "needs_request", False)


def _check_call(line: str, method: Callable[..., object], *args: object, **named: object) -> None:
    try:
        inspect.signature(method).bind(*args, **named)
    except TypeError as error:
        raise ConfigurationError(f"authenticators: write {line}: {error}") from None
    except ValueError:
        return  # a function in C has no signature to compare


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


def split_explicit_and_ambient(
    found: Sequence[Credential],
) -> tuple[Credential, Credential] | None:
    """Return (explicit, ambient) if exactly one of each was presented, else None."""
    explicit = [one for one in found if not one.may_accompany]
    ambient = [one for one in found if one.may_accompany]
    return (explicit[0], ambient[0]) if len(explicit) == len(ambient) == 1 else None


def is_bound_to(ambient: Credential, authentication: Authentication, handshake: Handshake) -> bool:
    """Return whether the ambient credential is bound to the accepted explicit one."""
    match ambient.place.source:
        case Source.COOKIE:
            return authentication.session_id == fingerprint(ambient.secret)
        case Source.CERTIFICATE:
            certificate = handshake.certificate
            return certificate is not None and mtls_proof(certificate) in authentication.proofs
        case _:
            return False


def _where(credentials: Sequence[Credential]) -> str:
    return ", ".join(f"{one.place.source.value} {one.place.name!r}" for one in credentials)


def _looked_in(places: Sequence[Place]) -> str:
    looked = [one for one in places if one.source is not Source.MESSAGE]
    return ", ".join(f"{one.source.value} {one.name!r}" for one in looked) or "nothing"


def defer_to_first_message(now: float) -> Authentication:
    """Return the authentication of a client that must still send its credential (`now` in Unix seconds)."""
    return Authentication(UNKNOWN, "first-message", "", False, now, now)
