"""The login of the application is asked once an adapter has connected it, and fails closed before."""

from dataclasses import dataclass, replace

import pytest

from stormdoor import Authentication, ConfigurationError, Denial, Principal, Rejected
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.core.credential import Credential, presented
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore
from tests.support.people import HANDSHAKE

NOW = 1_767_225_600.0


@dataclass
class Request:
    """A request with a token, or with a cookie alone; the application accepts it, or not."""

    token: bool
    accepted_token: bool = False
    known: bool = True


class Login:
    """The login of an application."""

    def is_explicit(self, request: object) -> bool:
        """See `ApplicationLogin`."""
        assert isinstance(request, Request)
        return request.token

    async def authenticate(
        self, request: object, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """See `ApplicationLogin`."""
        assert isinstance(request, Request)
        if not request.known:
            return Rejected(Denial.BAD_CREDENTIAL, "no user")
        return Authentication(
            Principal("alice"), "application", "c", not request.accepted_token, now, now
        )


def made() -> ApplicationAuthenticator:
    """An authenticator that is connected with `Login`."""
    authenticator = ApplicationAuthenticator()
    authenticator.connect(Login())
    return authenticator


def credential(authenticator: ApplicationAuthenticator, handshake: Handshake) -> Credential:
    """The one credential of a handshake."""
    screened = authenticator.screen(handshake)
    assert isinstance(screened, Handshake)
    (found,) = presented(screened, authenticator.places)
    assert authenticator.recognises(found)
    return found


async def outcome(request: Request, origin: str | None) -> Authentication | Rejected:
    """The answer to a request with an Origin, or without."""
    authenticator = made()
    handshake = replace(HANDSHAKE, request=request, origin=origin)
    return await authenticator.authenticate(
        credential(authenticator, handshake),
        handshake,
        state=StoredState.of(MemoryStore()),
        now=NOW,
    )


@pytest.mark.parametrize("token", [True, False])
def test_a_token_is_explicit_and_a_cookie_is_ambient(token: bool) -> None:
    """An ambient credential needs an Origin, which the guard checks."""
    handshake = replace(HANDSHAKE, request=Request(token))
    assert credential(made(), handshake).ambient is not token


@pytest.mark.parametrize(
    ("request_", "origin", "accepted"),
    [
        (Request(token=True, accepted_token=True), None, True),
        (Request(token=False), "https://app.example", True),
        (Request(token=True), "https://app.example", True),
        (Request(token=True), None, False),
        (Request(token=False, known=False), "https://app.example", False),
    ],
    ids=["token", "cookie", "wrong token, cookie, Origin", "wrong token, cookie", "unknown"],
)
async def test_the_application_decides(
    request_: Request, origin: str | None, accepted: bool
) -> None:
    """A wrong token does not turn a cookie into an explicit credential."""
    assert isinstance(await outcome(request_, origin), Authentication) is accepted


async def test_nothing_is_accepted_before_an_adapter_has_connected_the_login() -> None:
    """The refusal names the way to connect it."""
    authenticator = ApplicationAuthenticator()
    handshake = replace(HANDSHAKE, request=Request(token=True, accepted_token=True))
    refused = authenticator.screen(handshake)
    assert isinstance(refused, Rejected)
    assert "stormdoor run" in refused.detail
    some = Credential(authenticator.places[0], "the request")
    state = StoredState.of(MemoryStore())
    assert isinstance(
        await authenticator.authenticate(some, handshake, state=state, now=NOW), Rejected
    )


async def test_facts_without_a_request_are_refused() -> None:
    """`stormdoor explain handshake` has no request that the application could read."""
    assert isinstance(made().screen(HANDSHAKE), Rejected)


def test_one_guard_asks_one_application() -> None:
    """Two applications would accept each other's logins."""
    with pytest.raises(ConfigurationError, match="another application already"):
        made().connect(Login())
