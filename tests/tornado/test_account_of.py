"""`account_of`: the login session of a plain HTTP request, for handlers of other people."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from stormdoor import Guard, PolicySet, SessionAuthenticator, account_of, role

ORIGIN = "https://app.example"
NAME = "__Host-stormdoor"
LOOK_ALIKE = "\xa0" + NAME
"""A name that a page on another port can plant: no browser applies the `__Host-` prefix to it."""


class _Context:
    address = ("192.0.2.1", 50000)
    protocol = "https"
    remote_ip = "192.0.2.1"


class _Connection:
    context = _Context()


def request(*cookies: str) -> HTTPServerRequest:
    """A request for a page, with these cookies in one header."""
    headers = HTTPHeaders({"Host": "app.example"})
    if cookies:
        headers.add("Cookie", "; ".join(cookies))
    line = RequestStartLine("GET", "/page", "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=headers, connection=_Connection())  # type: ignore[arg-type]


async def make() -> tuple[Guard, dict[str, str]]:
    """A guard, and the secrets of one session of each principal."""
    guard = Guard(
        origins=[ORIGIN],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "pages:read")]),
    )
    await guard.start()
    secrets = {}
    for name, roles in (("alice", ["member"]), ("mallory", ["member"]), ("eve", [])):
        await guard.admin.add_principal(name, roles=roles)
        secrets[name] = (await guard.sessions.create(name)).secret
    return guard, secrets


async def test_the_owner_of_the_session() -> None:
    """The account is that of the cookie, until the end of the session."""
    guard, secrets = await make()
    async with guard:
        alice = request("theme=dark", f"{NAME}={secrets['alice']}")
        found = await account_of(guard, alice)
        assert found is not None
        assert found.id == "alice"
        await guard.admin.log_out(secrets["alice"])
        assert await account_of(guard, alice) is None


@pytest.mark.parametrize("cookies", [[], [f"{NAME}="], [f"{NAME}=made-up"]])
async def test_no_session(cookies: list[str]) -> None:
    """Without a living session there is no account."""
    guard, _ = await make()
    async with guard:
        assert await account_of(guard, request(*cookies)) is None


async def test_a_planted_look_alike_is_another_cookie() -> None:
    """Tornado's own parser takes it for the session; `account_of` does not."""
    guard, secrets = await make()
    async with guard:
        planted = f"{LOOK_ALIKE}={secrets['mallory']}"
        assert request(planted).cookies[NAME].value == secrets["mallory"]  # the vulnerable state
        assert await account_of(guard, request(planted)) is None
        for cookies in (
            [f"{NAME}={secrets['alice']}", planted],
            [planted, f"{NAME}={secrets['alice']}"],
        ):
            found = await account_of(guard, request(*cookies))
            assert found is not None
            assert found.id == "alice"


async def test_two_sessions_are_none() -> None:
    """A request with two cookies of the name has no account, as a handshake is refused."""
    guard, secrets = await make()
    async with guard:
        both = request(f"{NAME}={secrets['alice']}", f"{NAME}={secrets['mallory']}")
        assert await account_of(guard, both) is None


async def test_the_permission() -> None:
    """With a permission, an account without it is not returned."""
    guard, secrets = await make()
    async with guard:
        for name, allowed in (("alice", True), ("eve", False)):
            found = await account_of(guard, request(f"{NAME}={secrets[name]}"), "pages:read")
            assert (found is not None) is allowed
