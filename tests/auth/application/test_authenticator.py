"""The login of the application is asked once an adapter has connected it, and fails closed before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    Authentication,
    ConfigurationError,
    Denial,
    Principal,
    Rejected,
    SessionAuthenticator,
)
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.authenticator import Authenticator
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

    def tokens(self, request: object) -> Sequence[str]:
        """See `ApplicationLogin`."""
        assert isinstance(request, Request)
        return ["secret"] if request.token else []

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


KEY = "sd_key_of_a_program"


def with_keys() -> ApplicationAuthenticator:
    """An authenticator beside API keys and sessions; `Authorization: token` stands for a bearer."""
    authenticator = ApplicationAuthenticator()
    others: list[Authenticator] = [ApiKeyAuthenticator(), SessionAuthenticator()]
    authenticator.connect(Login(), others, schemes=("token",))
    return authenticator


PLACES = [place for one in (with_keys(), ApiKeyAuthenticator()) for place in one.places]


@pytest.mark.parametrize(
    ("headers", "authorization", "token", "found"),
    [
        ({}, [f"Bearer {KEY}"], False, ["bearer"]),
        ({}, [f"token {KEY}"], False, ["bearer"]),
        ({"x-api-key": [KEY]}, [], False, ["x-api-key"]),
        ({"x-api-key": [KEY, KEY]}, [], False, ["x-api-key"] * 2),
        ({}, ["Bearer secret"], True, ["login of the application"]),
        ({}, ["token secret"], True, ["login of the application"]),
        ({}, [], False, ["cookies of the application"]),
        ({}, ["Bearer of another kind"], False, ["cookies of the application"]),
        ({"x-api-key": [KEY]}, [], True, ["x-api-key", "login of the application"]),
        ({}, [f"Bearer {KEY}"], True, ["bearer", "login of the application"]),
    ],
)
def test_a_key_of_the_guard_is_decided_by_its_own_authenticator(
    headers: dict[str, list[str]], authorization: list[str], token: bool, found: list[str]
) -> None:
    """The login of the application is asked without one, or if the request also has one of its tokens."""
    handshake = replace(
        HANDSHAKE, request=Request(token), headers=headers, authorization=authorization
    )
    authenticator = with_keys()
    screened = authenticator.screen(handshake)
    assert isinstance(screened, Handshake)
    assert sorted(one.place.name for one in presented(screened, PLACES)) == sorted(found)
    assert authenticator.is_asked(handshake) is not any("application" not in one for one in found)


def test_no_cookie_of_the_guard_replaces_the_login_of_the_application() -> None:
    """A session is ambient. The request has two credentials then, which the guard refuses."""
    session = SessionAuthenticator()
    cookies = {session.places[0].name: ["secret"]}
    handshake = replace(HANDSHAKE, request=Request(token=False), cookies=cookies)
    authenticator = with_keys()
    assert authenticator.is_asked(handshake)
    screened = authenticator.screen(handshake)
    assert isinstance(screened, Handshake)
    assert len(presented(screened, [*authenticator.places, *session.places])) == 2
