"""`password_login=False`: people log in at a provider alone, and no password or passkey begins a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.web import Application

from stormdoor import Guard, login_routes, protect
from stormdoor.errors import ConfigurationError, StartupRefused
from stormdoor.tornado.oidc_routes import OpenIdProvider, oidc_routes
from tests.guard.fakes import ORIGIN, make_guard
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import serving

PASSWORD = "correct horse battery"
PROVIDER = OpenIdProvider(
    issuer="http://127.0.0.1:1",
    client_id="lab",
    redirect_uri="https://lab.example/auth/oidc/callback",
    label="The house",
)


def _guard(**options: Any) -> Guard:
    return make_guard(insecure_allow_any_host=True, secrets_key=b"k" * 32, oidc=PROVIDER, **options)


@asynccontextmanager
async def _site(guard: Guard) -> AsyncIterator[LoginClient]:
    routes = [
        *oidc_routes(guard),
        *login_routes(guard, endpoint="/ws", built_in_pages=True),
    ]
    async with serving(routes, guard, "chat:connect") as at:
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        yield LoginClient(at.port, origin=ORIGIN)


async def _with_session(guard: Guard, client: LoginClient) -> None:
    """Give a browser the session of a login at the provider."""
    issued = await guard.sessions.create("alice", address="127.0.0.1", user_agent="test")
    client.cookies[guard.sessions.cookie.name] = issued.secret


async def _pending(guard: Guard, client: LoginClient) -> None:
    """Give a browser a login that waits for a code, from before the setting was changed."""
    account = await guard.state.accounts.account("alice")
    assert account is not None
    name = f"{guard.sessions.cookie.name}-login"
    client.cookies[name] = await guard.pending_logins.begin(account)


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("on", [True, False])
async def test_the_right_password(on: bool, form: bool) -> None:
    """It begins a session; without the setting, each form of the request is refused."""
    guard = _guard(password_login=on)
    async with _site(guard) as client:
        answer = await client.send(
            "POST",
            "/login",
            {"username": "alice", "password": PASSWORD.replace(" ", "%20" if form else " ")},
            form=form,
        )
        assert (await client.get("/session")).status == (200 if on else 401)
        if not on:
            assert (answer.status, answer.set_cookies) == (303 if form else 403, ())
            assert answer.headers.get("Location") == ("/auth/login" if form else None)


async def test_the_page_has_buttons_alone() -> None:
    """No form, no field; the button of the only way in is the main one. The password form is there else."""
    async with _site(_guard()) as client:
        assert 'type="password"' in (await client.get("/login")).body
    async with _site(_guard(password_login=False)) as client:
        page = (await client.get("/login?next=/lab")).body
        assert "<form" not in page
        assert "<input" not in page
        assert 'class="button" href="/auth/oidc/login?return_to=%2Flab"' in page
        assert "The house" in page


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/second-factor", {"totp": "123456"}),
        ("/second-factor/options", {}),
        ("/passkey", {"passkey": {}}),
        ("/passkey/options", {}),
        ("/password", {"current": PASSWORD, "new": "another horse battery"}),
    ],
)
async def test_no_other_route_of_a_password(
    path: str, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not a login that waited for its code when the setting changed, nor a passkey. The log says why."""
    guard = _guard(password_login=False)
    async with _site(guard) as client:
        await _pending(guard, client)
        await _with_session(guard, client)
        refused = await client.post(path, body)
        assert (refused.status, refused.body["error"]) == (403, "forbidden")
        assert refused.set_cookies == ()
        assert "passwords = false" in caplog.text


async def test_no_password_makes_a_session_fresh() -> None:
    """An old session of the provider stays old, and the methods that the answer names have no password."""
    guard = _guard(password_login=False)
    async with _site(guard) as client:
        await _with_session(guard, client)
        guard.clock.advance(900)  # type: ignore[attr-defined]
        needed = await client.post("/sessions/end-others")
        assert (needed.status, needed.body["methods"]) == (403, [])
        assert "max_age" in needed.body["needs"]
        stepped = await client.post("/step-up", {"password": PASSWORD})
        assert (stepped.status, stepped.body["methods"]) == (403, [])
        assert "max_age" in stepped.body["needs"]
        assert (await client.post("/sessions/end-others")).status == 403


async def test_a_code_is_still_a_second_factor() -> None:
    """A session of the provider enrols one, and becomes stronger by it."""
    guard = _guard(password_login=False)
    async with _site(guard) as client:
        await _with_session(guard, client)
        device, _ = await client.enrol_totp(guard.clock.now())
        guard.clock.advance(30)  # type: ignore[attr-defined]
        code = device.at(int(guard.clock.now()))
        assert (await client.post("/step-up", {"password": PASSWORD})).body["methods"] != []
        assert (await client.post("/step-up", {"totp": code})).status == 200


def test_a_login_that_no_account_can_use_stops_the_start() -> None:
    """Without a provider, and without the routes that lead to it."""
    with pytest.raises(ConfigurationError, match="write Guard\\(oidc="):
        make_guard(password_login=False)
    guard = _guard(password_login=False)
    with pytest.raises(StartupRefused, match="oidc_routes"):
        protect(Application(login_routes(guard, endpoint="/ws"), websocket_ping_interval=20), guard)
