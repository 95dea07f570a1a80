"""A session's secret is changed when the privileges of its principal change (ASVS 7.2.4)."""

from __future__ import annotations

import json

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from stormdoor import Guard, PolicySet, login_routes, role
from tests.tornado.wire import serving

ORIGIN = "http://127.0.0.1:1"


async def _session(port: int, cookie: str) -> HTTPResponse:
    return await AsyncHTTPClient(force_instance=True).fetch(
        f"http://127.0.0.1:{port}/auth/session", headers={"Cookie": cookie}, raise_error=False
    )


async def _post(port: int, cookie: str, path: str, body: object) -> HTTPResponse:
    return await AsyncHTTPClient(force_instance=True).fetch(
        f"http://127.0.0.1:{port}/auth/{path}",
        method="POST",
        headers={"Cookie": cookie, "Origin": ORIGIN, "Content-Type": "application/json"},
        body=json.dumps(body),
        raise_error=False,
    )


async def test_a_change_of_role_changes_the_secret() -> None:
    """A cookie that was stolen before a role was granted does not get the role."""
    guard = Guard(
        origins=[ORIGIN],
        policies=PolicySet([role("moderator", "chat:kick")]),
    )
    async with serving(login_routes(guard, endpoint="/ws"), guard) as served:
        await guard.admin.add_principal("mia")
        name = guard.sessions.cookie.name
        stolen = f"{name}={(await guard.sessions.create('mia')).secret}"
        before = await _session(served.port, stolen)
        assert before.code == 200
        assert "Set-Cookie" not in before.headers

        await guard.admin.grant_role("mia", "moderator")
        renewed = await _session(served.port, stolen)
        assert renewed.code == 200
        fresh = renewed.headers["Set-Cookie"].partition(";")[0]
        assert fresh != stolen

        assert (await _session(served.port, stolen)).code == 401
        again = await _session(served.port, fresh)
        assert again.code == 200
        assert "Set-Cookie" not in again.headers


_PASSWORD = "a long enough password"
_LOGIN = {"username": "mia", "password": _PASSWORD}


@pytest.mark.parametrize(("path", "body"), [("logout", {}), ("login", _LOGIN)])
@pytest.mark.parametrize("theft", ["session", "step-up"])
async def test_owner_ends_what_a_thief_has_rotated(theft: str, path: str, body: object) -> None:
    """INVARIANT: a logout or a login with the old cookie ends the session of a thief who rotated it first."""
    guard = Guard(origins=[ORIGIN], policies=PolicySet([role("moderator", "chat:kick")]))
    async with serving(login_routes(guard, endpoint="/ws"), guard) as served:
        await guard.admin.add_principal("mia", password=_PASSWORD)
        stolen = f"{guard.sessions.cookie.name}={(await guard.sessions.create('mia')).secret}"
        if theft == "session":
            await guard.admin.grant_role("mia", "moderator")
            rotated = await _session(served.port, stolen)
        else:
            rotated = await _post(served.port, stolen, "step-up", {"password": _PASSWORD})
        assert rotated.code == 200
        kept = rotated.headers["Set-Cookie"].partition(";")[0]
        assert (await _session(served.port, kept)).code == 200
        assert (await _session(served.port, stolen)).code == 401
        assert (await _session(served.port, kept)).code == 200

        assert (await _post(served.port, stolen, path, body)).code in (200, 204)
        assert (await _session(served.port, kept)).code == 401
