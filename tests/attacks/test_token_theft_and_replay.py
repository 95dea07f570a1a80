"""token-theft-and-replay: an attacker uses a captured ticket, token or cookie, or uses it elsewhere."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tornado.web import RequestHandler, create_signed_value, decode_signed_value

from tests.attacks.twin import Chat, LogIn, Site, log_in, site
from tests.demo.running import Running
from tests.demo.visitor import Visitor, is_in
from tests.tornado.wire import log_lines

pytestmark = pytest.mark.extended

KEY = "a key of the site, which is as long as it takes"


class TicketService(RequestHandler):
    """Careless `POST /auth/ticket`: returns a random number and stores it for good."""

    def post(self) -> None:
        state: Site = self.settings["site"]
        name = state.sessions[self.get_cookie("sid") or ""]
        ticket = secrets.token_urlsafe(32)
        state.sessions[ticket] = name
        self.finish({"ticket": ticket})


class TicketChat(Chat):
    """Careless chat that a ticket opens for any client, at any endpoint, any number of times."""

    async def prepare(self) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        self.ticket = offered.rpartition("stormdoor.ticket.")[2]
        await asyncio.sleep(0)  # a database is asked

    def who(self) -> str | None:
        return self.site.sessions.get(self.ticket)

    def select_subprotocol(self, subprotocols: list[str]) -> str:
        return "stormdoor.v1"


def ticket_site() -> Any:
    """Serve a site with tickets."""
    return site(TicketChat, ("/auth/ticket", TicketService), ("/ws/dashboard", TicketChat))


# -- tickets -----------------------------------------------------------------------------------------


async def replays(victim: Visitor, thief: Visitor) -> bool:
    """Return whether a thief can use a ticket after the victim."""
    ticket = await victim.ticket()
    assert await is_in(await victim.with_ticket(ticket))
    return await is_in(await thief.with_ticket(ticket))


async def test_a_ticket_is_used_again(demo: Running) -> None:
    """A ticket opens one socket once, and the trail records a second use as a possible theft."""
    async with ticket_site() as (at, _):
        assert await replays(await log_in(at, "alice"), Visitor(at.port))
    alice, thief = await demo.visit("alice"), demo.visitor()
    assert not await replays(alice, thief)
    reuse = await demo.recorded("authn_token_reuse", address=thief.address)
    assert (reuse["kind"], reuse["principal"]) == ("ticket", "alice")
    await demo.recorded("authn_login_fail", address=thief.address, cause="bad-credential")


async def rush(victim: Visitor, thieves: list[Visitor]) -> int:
    """Present one ticket from all thieves at once, and return how many get in."""
    ticket = await victim.ticket()
    async with AsyncExitStack() as stack:
        wires = await asyncio.gather(*(thief.with_ticket(ticket) for thief in thieves))
        for wire in wires:
            await stack.enter_async_context(wire)
        return [wire.status for wire in wires].count(101)


async def test_a_ticket_is_used_by_many_at_once(demo: Running) -> None:
    """Of many simultaneous handshakes with one ticket, exactly one is accepted."""
    async with ticket_site() as (at, _):
        assert await rush(await log_in(at, "alice"), [Visitor(at.port) for _ in range(8)]) == 8
    for _ in range(5):
        alice = await demo.visit("alice")
        assert await rush(alice, [demo.visitor() for _ in range(8)]) == 1
    await demo.recorded("authn_token_reuse", kind="ticket")


ELSEWHERE: dict[str, dict[str, Any]] = {
    "another page": {"origin": "http://localhost:{port}"},
    "no page at all": {"origin": None},
    "another endpoint": {"path": "/ws/dashboard"},
}


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_a_ticket_is_used_elsewhere(where: str, demo: Running) -> None:
    """A ticket is accepted only from its page and at its endpoint; any attempt uses it up."""
    options = ELSEWHERE[where]

    async def attack(victim: Visitor, thief: Visitor) -> bool:
        ticket = await victim.ticket(origin=victim.origin)
        origin = options.get("origin", victim.origin)
        origin = origin and origin.format(port=victim.port)
        taken = await thief.with_ticket(ticket, options.get("path", "/ws/chat"), origin=origin)
        if await is_in(taken):
            return True
        assert not await is_in(await victim.with_ticket(ticket)), "it was not spent"
        return False

    async with ticket_site() as (at, _):
        assert await attack(await log_in(at, "mia"), Visitor(at.port))
    mia, thief = await demo.visit("mia"), demo.visitor()
    assert not await attack(mia, thief)
    entry = await demo.recorded("authn_login_fail", address=thief.address)
    assert entry["cause"] == "bad-credential"


async def test_a_ticket_is_used_beside_another_session(demo: Running) -> None:
    """A cookie of one principal with a ticket of another is refused."""

    async def attack(victim: Visitor, thief: Visitor) -> bool:
        return await is_in(await thief.with_ticket(await victim.ticket()))

    async with ticket_site() as (at, _):
        assert await attack(await log_in(at, "alice"), await log_in(at, "eve"))
    alice, eve = await demo.visit("alice"), await demo.visit("eve")
    assert not await attack(alice, eve)
    await demo.recorded("authn_login_fail", address=eve.address, cause="ambiguous-credential")


async def outlives(victim: Visitor) -> bool:
    """Return whether a stolen ticket is accepted after the victim's logout."""
    ticket = await victim.ticket()
    await victim.log_out()
    return await is_in(await victim.with_ticket(ticket))


async def test_a_ticket_outlives_the_logout(demo: Running) -> None:
    """A logout invalidates the tickets of the session."""
    async with ticket_site() as (at, _):
        assert await outlives(await log_in(at, "alice"))
    alice = await demo.visit("alice")
    assert not await outlives(alice)
    await demo.recorded("authn_login_fail", address=alice.address)


async def test_an_old_ticket(demo: Running) -> None:
    """A ticket is refused after half a minute."""
    async with ticket_site() as (at, _):
        alice = await log_in(at, "alice")
        assert await is_in(await alice.with_ticket(await alice.ticket()))  # as old as you like
    alice = await demo.visit("alice")
    ticket = await alice.ticket()
    with demo.database() as database:
        database.execute(
            "UPDATE ticket SET issued_at = issued_at - 31, expires_at = expires_at - 31"
        )
    assert not await is_in(await alice.with_ticket(ticket))
    await demo.recorded("session_use_after_expire", address=alice.address, cause="expired")


# -- cookies and tokens ------------------------------------------------------------------------------


async def cookie_outlives(victim: Visitor) -> bool:
    """Return whether a copy of the cookie is accepted after the logout."""
    copy = victim.twin()
    await victim.log_out()
    return await is_in(await copy.handshake())


class Forgetful(LogIn):
    """Careless login that keeps all sessions; its logout only removes the cookie from one browser."""

    def new_session(self) -> str:
        session = super().new_session()
        self.site.told.append(session)
        return session


class ForgetfulChat(Chat):
    """Careless chat that accepts every session that ever existed."""

    def who(self) -> str | None:
        return "alice" if self.get_cookie("sid") in self.site.told else None


async def test_a_stolen_cookie_outlives_the_logout(demo: Running) -> None:
    """The logout ends the session, not only the cookie in one browser."""
    async with site(ForgetfulChat, log_in=Forgetful) as (at, _):
        assert await cookie_outlives(await log_in(at, "alice"))
    alice = await demo.visit("alice")
    assert not await cookie_outlives(alice)
    await demo.recorded("authn_login_fail", address=alice.address, cause="bad-credential")


class TokenDesk(RequestHandler):
    """`POST /auth/token` of the twin: it returns a signed name that the server cannot revoke."""

    def post(self) -> None:
        state: Site = self.settings["site"]
        name = state.sessions[self.get_cookie("sid") or ""].encode()
        self.finish({"access_token": create_signed_value(KEY, "token", name).decode()})


class TokenChat(Chat):
    """Careless chat that accepts every token with a valid signature."""

    def who(self) -> str | None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        name = decode_signed_value(KEY, "token", token)
        return None if name is None else name.decode()


async def token_outlives(victim: Visitor, thief: Visitor) -> bool:
    """Return whether a copy of a token is accepted before and after the logout."""
    token = await victim.token()
    assert await is_in(await thief.with_key(token, "/ws/chat"))
    await victim.log_out()
    return await is_in(await thief.with_key(token, "/ws/chat"))


async def test_a_stolen_token_outlives_the_logout(demo: Running) -> None:
    """A token is refused after the end of its session, though its signature is still valid."""
    async with site(TokenChat, ("/auth/token", TokenDesk)) as (at, _):
        assert await token_outlives(await log_in(at, "alice"), Visitor(at.port))
    alice, thief = await demo.visit("alice"), demo.visitor()
    assert not await token_outlives(alice, thief)
    entry = await demo.recorded("session_use_after_expire", address=thief.address)
    assert (entry["endpoint"], entry["cause"]) == ("/ws/chat", "expired")


# -- where secrets get stolen ------------------------------------------------------------------------


class TokenInTheAddress(Chat):
    """Careless chat with the token in its URL, `/ws/chat?token=…`."""

    def who(self) -> str | None:
        return self.site.sessions.get(self.get_query_argument("token", ""))


async def test_a_token_is_read_in_a_log(demo: Running) -> None:
    """URLs are logged and kept in histories. The demo accepts no credential in a URL, and does not log it."""

    async def steals(secret: str, log: list[str], thief: Visitor) -> bool:
        if not any(secret in line for line in log):
            return False
        return await is_in(await thief.handshake(f"/ws/chat?token={secret}"))

    with log_lines("tornado.access") as log:
        async with site(TokenInTheAddress) as (at, _):
            victim = await log_in(at, "alice")
            sid = victim.cookies["sid"]
            assert await is_in(await victim.handshake(f"/ws/chat?token={sid}"))
            assert await steals(sid, log, Visitor(at.port))
    alice = await demo.visit("alice")
    token = await alice.token()
    careless = demo.visitor()
    for name in ("token", "access_token", "ticket", "key"):
        assert await careless.refused(f"/ws/chat?{name}={token}") == 401
    assert not await steals(token, demo.output.splitlines(), demo.visitor())
    entry = await demo.recorded("authn_login_fail", address=careless.address)
    assert entry["cause"] == "no-credential"
    assert token not in str(demo.entries())
