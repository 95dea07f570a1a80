"""A session's secret is changed when the privileges of its principal change (ASVS 7.2.4)."""

from __future__ import annotations

from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from stormdoor import Guard, PolicySet, login_routes, role
from tests.tornado.wire import serving


async def _session(port: int, cookie: str) -> HTTPResponse:
    return await AsyncHTTPClient(force_instance=True).fetch(
        f"http://127.0.0.1:{port}/auth/session", headers={"Cookie": cookie}, raise_error=False
    )


async def test_a_change_of_role_changes_the_secret() -> None:
    """A cookie that was stolen before a role was granted does not get the role."""
    guard = Guard(
        origins=["http://127.0.0.1:1"],
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
