"""Accept the login of the application that the guard protects, such as that of Jupyter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.credential import Credential, Place, Source
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

    def is_explicit(self, request: object) -> bool:
        """Return whether `request` carries a credential that no browser attaches by itself, such as a token.

        The credential is not verified. With a session cookie alone, the result is False.
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
    """Asks the application for the user of each handshake; its own login is the only one.

    The adapter of the application connects it with `connect`. Until then, it refuses every handshake. The
    credential is the request as a whole: the application alone knows where it reads its login.
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

    def connect(self, login: ApplicationLogin) -> None:
        """Ask `login` from now on.

        Raises:
            ConfigurationError: It asks another application already.
        """
        if self._login is not None:
            raise ConfigurationError(
                "this guard asks the login of another application already; make a guard for each application"
            )
        self._login = login

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Note that the request is the credential, and of which kind."""
        login, request = self._login, handshake.request
        if login is None or request is None:
            return _not_connected()
        place = _EXPLICIT if login.is_explicit(request) else _AMBIENT
        return replace(handshake, headers={**handshake.headers, place.name: ("the request",)})

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
