"""Who may revoke over HTTP, what it closes, and what a stranger learns."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tornado.httpclient import AsyncHTTPClient

from stormdoor import (
    ApiKeyAuthenticator,
    Guard,
    GuardedHandler,
    PolicySet,
    SessionAuthenticator,
    revocation_routes,
    role,
)
from stormdoor.errors import PolicyError
from tests.tornado.wire import Served, connect, serving

ORIGIN = "https://app.example"
PERMISSION = "stormdoor:revoke"


class Feed(GuardedHandler):
    permission = "feed:connect"

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


@dataclass
class World:
    """A served guard, with a key of a member and one of the security desk."""

    guard: Guard
    served: Served
    member: str
    desk: str

    async def revoke(
        self, body: object, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, object]]:
        answer = await AsyncHTTPClient(force_instance=True).fetch(
            f"http://127.0.0.1:{self.served.port}/auth/revocations",
            method="POST",
            body=json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
            raise_error=False,
        )
        return answer.code, json.loads(answer.body)


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[ApiKeyAuthenticator(), SessionAuthenticator()],
        policies=PolicySet(
            [role("member", "feed:connect"), role("desk", "feed:connect", PERMISSION)]
        ),
    )
    async with serving([*revocation_routes(guard), ("/feed", Feed)], guard) as served:
        for name in ("member", "desk"):
            await guard.admin.add_principal(name, roles=[name])
        keys = [
            (await guard.admin.issue_key(name, name="k", scopes=["*"])).secret
            for name in ("member", "desk")
        ]
        yield World(guard, served, *keys)


def _key(secret: str) -> dict[str, str]:
    return {"X-API-Key": secret}


async def test_a_program_revokes_with_its_key() -> None:
    """The sockets of the principal are closed when the answer comes, and it says how many."""
    async with _world() as world:
        key = ("X-API-Key", world.member)
        sockets = [await connect(world.served.port, "/feed", key) for _ in range(2)]
        order = {"target": "principal", "value": "member", "reason": "stolen"}
        assert await world.revoke(order, _key(world.desk)) == (200, {"closed": 2})
        for one in sockets:
            async with one:
                assert await one.close_code() == 3000
        await world.guard.trail.flush()
        (noted,) = await world.guard.store.entries(name="authn_token_revoked")
        assert noted.event.actor == "desk"
        assert "stolen" in noted.event.detail


@pytest.mark.parametrize(
    ("who", "status"),
    [("nobody", 401), ("member", 403), ("wrong", 401), ("revoked", 401), ("narrow", 403)],
)
async def test_who_may_not(who: str, status: int) -> None:
    """No credential, one without the permission, none that counts: nothing is revoked."""
    async with _world() as world:
        guard = world.guard
        narrow = await guard.admin.issue_key("desk", name="n", scopes=["feed:*"])
        if who == "revoked":
            await guard.admin.revoke_key(world.desk.split("_")[1])
            await guard.admin.set_disabled("desk", True)
        headers = {
            "nobody": {},
            "member": _key(world.member),
            "wrong": _key(world.desk[:-1] + "x"),
            "revoked": _key(world.desk),
            "narrow": _key(narrow.secret),
        }[who]
        before = await guard.store.revocations()
        code, body = await world.revoke({"target": "everything"}, headers)
        assert code == status
        assert set(body) == {"error"}
        assert await guard.store.revocations() == before


async def test_a_session_of_an_administrator_revokes_from_its_own_page_only() -> None:
    """A cookie comes along from any page: the Origin decides (CSRF)."""
    async with _world() as world:
        issued = await world.guard.sessions.create("desk")
        cookie = {"Cookie": f"{world.guard.sessions.cookie.name}={issued.secret}"}
        order = {"target": "tenant", "value": "acme"}
        foreign = {**cookie, "Origin": "https://evil.example"}
        assert (await world.revoke(order, foreign))[0] == 403
        assert (await world.revoke(order, cookie))[0] == 403  # no Origin at all
        assert await world.guard.store.revocations() == []
        assert await world.revoke(order, {**cookie, "Origin": ORIGIN}) == (200, {"closed": 0})


@pytest.mark.parametrize(
    "order",
    [
        {"target": "changed", "value": "member"},
        {"target": "principal"},
        {"target": "principal", "value": "member", "before": 9e12},
        {"target": "session", "value": "s", "before": 1},
        {"target": "everything", "value": "member"},
        {"target": "principal", "value": "member", "how": "gently"},
        ["principal"],
    ],
    ids=json.dumps,
)
async def test_an_order_that_makes_no_sense(order: object) -> None:
    """It is refused, and nothing is revoked."""
    async with _world() as world:
        assert await world.revoke(order, _key(world.desk)) == (400, {"error": "invalid"})
        assert await world.guard.store.revocations() == []


def test_the_permission_must_be_one() -> None:
    """Said at the start, not at the first theft."""
    with pytest.raises(PolicyError):
        revocation_routes(Guard(), permission="may revoke")
