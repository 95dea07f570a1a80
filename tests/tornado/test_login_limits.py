"""Each kind of request has a limit of its own, and a foreign page uses up none of its visitor's."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from stormdoor import login_routes
from tests.guard.fakes import ORIGIN, make_guard
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.site import Person, site
from tests.tornado.test_listener import Quiet
from tests.tornado.test_oidc_logout import logout_claims, send, the_session
from tests.tornado.wire import Served, request, serving

__all__ = ["openid", "provider"]

EVIL = ("Origin", "https://evil.example")


async def status(
    at: Served, method: str, path: str, *headers: tuple[str, str], upgrade: bool = False
) -> int:
    """Return the status of one request."""
    more = headers if upgrade or method == "GET" else (*headers, ("Content-Length", "0"))
    async with await request(at.port, path, *more, method=method, upgrade=upgrade) as wire:
        return wire.status


@contextlib.asynccontextmanager
async def limited(**limits: str) -> AsyncIterator[Served]:
    """A site with a login; its clients are on this machine."""
    guard = make_guard(limits=limits, insecure_allow_any_host=True)
    routes = [("/ws", Quiet), *login_routes(guard, endpoint="/ws")]
    async with serving(routes, guard, "chat:connect") as at:
        yield at


@pytest.mark.parametrize(
    ("method", "path", "header", "refused"),
    [
        ("POST", "/auth/login", EVIL, 403),
        ("POST", "/auth/logout", ("Sec-Fetch-Site", "cross-site"), 403),
        ("GET", "/auth/session", EVIL, 401),
        ("GET", "/auth/session", ("Sec-Fetch-Site", "cross-site"), 401),
        ("GET", "/ws", EVIL, 403),
    ],
)
async def test_a_foreign_page_does_not_lock_its_visitor_out(
    method: str, path: str, header: tuple[str, str], refused: int
) -> None:
    """90 requests of a foreign page use up their own limit, and nothing of the visitor's."""
    async with limited(handshakes_per_address="60/min burst 60") as at:
        upgrade = path == "/ws"
        statuses = [await status(at, method, path, header, upgrade=upgrade) for _ in range(90)]
        assert statuses == [refused] * 60 + [429] * 30
        own = ("Origin", ORIGIN)
        assert await status(at, "POST", "/auth/login", own) == 400
        assert await status(at, "GET", "/auth/session") == 401
        alice = ("Authorization", "Bearer alice")
        assert await status(at, "GET", "/ws", own, alice, upgrade=True) == 101


@pytest.mark.parametrize(
    ("limit", "method", "path"),
    [
        ("logins_per_address", "POST", "/auth/login"),
        ("logins_per_address", "POST", "/auth/second-factor"),
        ("logins_per_address", "POST", "/auth/passkey"),
        ("logins_per_address", "POST", "/auth/password"),
        ("pages_per_address", "POST", "/auth/logout"),
        ("pages_per_address", "POST", "/auth/ticket"),
        ("pages_per_address", "GET", "/auth/session"),
        ("handshakes_per_address", "GET", "/ws"),
    ],
)
async def test_each_kind_of_request_has_its_own_limit(limit: str, method: str, path: str) -> None:
    """A used-up limit of one kind of request does not limit the other kinds."""
    kinds = {
        "logins_per_address": ("POST", "/auth/login"),
        "pages_per_address": ("GET", "/auth/session"),
        "handshakes_per_address": ("GET", "/ws"),
    }
    async with limited(**{limit: "3/min"}) as at:
        statuses = [await status(at, method, path, upgrade=path == "/ws") for _ in range(4)]
        assert [one == 429 for one in statuses] == [False, False, False, True]
        for other, (its_method, its_path) in kinds.items():
            answer = await status(at, its_method, its_path, upgrade=its_path == "/ws")
            assert (answer == 429) is (other == limit)


@pytest.mark.installs
async def test_a_provider_may_log_many_out_at_once(provider: RealProvider) -> None:
    """A burst of 120 logout tokens is answered in full."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        session = await the_session(here)
        tokens = [
            provider.sign(
                logout_claims(here, session, jti=f"burst-{number}"), header={"typ": "logout+jwt"}
            )
            for number in range(120)
        ]
        assert [await send(here, token) for token in tokens] == [200] * 120
