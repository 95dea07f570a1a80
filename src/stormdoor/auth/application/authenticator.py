"""Accept the login of the application that the guard protects, such as that of Jupyter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from stormdoor.auth.authenticator import Authenticator, Rejected, bad_credential
from stormdoor.core.credential import BEARER, Credential, Place, Source, presented
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["ApplicationAuthenticator", "ApplicationLogin"]

# No header has a space in its name: a client cannot send one of these.
_EXPLICIT = Place(Source.HEADER, "login of the application", ambient=False)
_AMBIENT = Place(Source.HEADER, "cookies of the application", ambient=True)


class ApplicationLogin(Protocol):
    """Interface of the code that asks an application for the user of a request. An adapter implements it."""

    def tokens(self, request: object) -> Sequence[str]:
        """Return the credentials in `request` that no browser attaches by itself, such as tokens.

        They are not verified. With a session cookie alone, there are none.
        """
        ...

    async def authenticate(
        self, request: object, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Return the authentication of the user that the application finds in `request`.

        Args:
            request: The server's own object for the request.
            state: The state of the installation.
            now: Unix seconds.

        Returns:
            `ambient` is False only if the application accepted an explicit credential.
        """
        ...


class ApplicationAuthenticator:
    """Asks the application for the user of each request without an explicit credential of the guard.

    The adapter of the application connects it with `connect`. Until then, it refuses every handshake. The
    credential is the request as a whole: the application alone knows where it reads its login.

    A key or token that another authenticator recognises is decided by that authenticator alone. The cookies
    of the application do not count then, and a token of the application beside it is a second credential.
    """

    kind: str = "application"
    needs_request: bool = True
    places: Sequence[Place] = (_EXPLICIT, _AMBIENT)
    checks: Sequence[str] = (
        "the application accepts the login in the request",
        "the request has an allowed Origin, unless the application accepted an explicit token",
        "the principal of that user is not disabled, if the store has it",
    )

    def __init__(self) -> None:
        self._login: ApplicationLogin | None = None
        self._others: Sequence[Authenticator] = ()
        self._places: Sequence[Place] = ()
        self._schemes: Sequence[str] = ()

    def connect(
        self,
        login: ApplicationLogin,
        others: Sequence[Authenticator] = (),
        *,
        schemes: Sequence[str] = (),
    ) -> None:
        """Ask `login` from now on.

        Args:
            login: The login of the application.
            others: The authenticators with explicit credentials that the application accepts as well.
            schemes: Lower-case schemes of `Authorization` that clients of the application use in place of
                `Bearer`.

        Raises:
            ConfigurationError: It asks another application already.
        """
        if self._login is not None:
            raise ConfigurationError(
                "this guard asks the login of another application already; make a guard for each application"
            )
        self._login, self._others, self._schemes = login, others, schemes
        self._places = [
            place
            for one in others
            for place in one.places
            if not Credential(place, "").may_accompany
        ]

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Note that the request is the credential, and of which kind."""
        login, request = self._login, handshake.request
        if login is None or request is None:
            return _not_connected()
        own = set(login.tokens(request))
        read, of_others = self._of_others(handshake)
        if of_others:
            own -= of_others
            if not own:
                return read
        else:
            read = replace(handshake, authorization=())
        place = _EXPLICIT if own else _AMBIENT
        return replace(read, headers={**read.headers, place.name: ("the request",)})

    def is_asked(self, handshake: Handshake) -> bool:
        """Return whether the application decides: no other authenticator recognises a credential."""
        return not self._of_others(handshake)[1]

    def _of_others(self, handshake: Handshake) -> tuple[Handshake, set[str]]:
        """Return the facts with its schemes read as `Bearer`, and the secrets that the others recognise."""
        if not self._others:
            return handshake, set()
        read = replace(
            handshake, authorization=[self._as_bearer(v) for v in handshake.authorization]
        )
        return read, {
            found.secret
            for found in presented(read, dict.fromkeys(self._places))
            if any(found.place in one.places and one.recognises(found) for one in self._others)
        }

    def _as_bearer(self, value: str) -> str:
        scheme, _, secret = value.partition(" ")
        return f"{BEARER.name} {secret}" if scheme.lower() in self._schemes else value

    def recognises(self, credential: Credential) -> bool:
        """See `Authenticator`."""
        return credential.place in self.places

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """See `Authenticator`."""
        if self._login is None or handshake.request is None:
            return _not_connected()
        found = await self._login.authenticate(handshake.request, state=state, now=now)
        if (
            isinstance(found, Authentication)
            and found.ambient
            and not credential.ambient
            and handshake.origin is None
        ):
            # A wrong token beside a valid cookie: without the token, an Origin would have been required.
            return bad_credential(
                "the token is wrong, and the cookie needs an Origin", found.principal.id
            )
        return found


def _not_connected() -> Rejected:
    rejected = bad_credential(
        'no adapter has connected the login of the application to kind = "application"; start the program '
        "with stormdoor run, or with the extension of its adapter"
    )
    return replace(rejected, charged=False)
