"""A credential of this installation is sent to no provider, from every place and in every order."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from stormdoor import Guard, SessionAuthenticator, TicketAuthenticator
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.core.account import Account
from stormdoor.core.denial import Refusal
from stormdoor.core.session import Session
from tests.auth.oauth.hostile import AUDIENCE, Asked, Hostile, answer, serve
from tests.guard.fakes import CHAT, HANDSHAKE, bearer, make_guard, opened
from tests.support.clock import FakeClock


def _answers(provider: Hostile, clock: FakeClock) -> None:
    """It knows the token `opaque`, of alice, and no other."""
    known = {
        "active": True,
        "sub": "alice",
        "aud": AUDIENCE,
        "exp": clock.now() + 600,
        "scope": "chat:read",
        "token_type": "Bearer",
        "groups": ["member"],
    }

    async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
        told = known if asked.form["token"] == "opaque" else {"active": False}
        writer.write(answer(json.dumps(told).encode()))

    provider.replies["/introspect"] = say


async def _ticket(guard: Guard, session: Session) -> str:
    issued = await guard.tickets.issue(session, origin=None, endpoint=HANDSHAKE.path)
    assert issued is not None
    return issued.secret


async def _shown(guard: Guard, secret: str) -> None:
    """Show a text in every place where the guard looks for a token of the provider."""
    offers = ["stormdoor.v1", f"stormdoor.bearer.{secret}"]
    for handshake in (bearer(secret), replace(HANDSHAKE, subprotocols=offers)):
        assert isinstance(await guard.admission.admit(handshake, CHAT), Refusal)
    connection, _ = await opened(guard, bearer("opaque"))
    assert await guard.refresh(connection, secret) is not None
    guard.registry.end(connection)


@pytest.mark.parametrize("everything", [False, True], ids=["opaque", "everything"])
async def test_ticket_is_not_sent_to_the_provider(everything: bool) -> None:
    """A recipient who uses one in time opens a socket as its owner.

    The attack is the 43 random characters that are in a ticket: an opaque token may be just that, so without
    what a ticket begins with the provider is asked about it.
    """
    clock = FakeClock()
    async with serve() as provider:
        _answers(provider, clock)
        first = OAuthAuthenticator(
            issuer=provider.url,
            audience=AUDIENCE,
            scopes={"chat:read": ["chat:*"]},
            introspection=Introspection(
                client_id="api", client_secret="s" * 32, everything=everything
            ),
            roles_claim="groups",
            clock=clock,
        )
        guard = make_guard(first, SessionAuthenticator(), TicketAuthenticator(), clock=clock)
        async with guard:
            await guard.state.accounts.add_account(Account(id="carol", roles=frozenset({"member"})))
            session = (await guard.sessions.create("carol")).session
            bare = (await _ticket(guard, session)).removeprefix("sdt_")
            key = await guard.admin.issue_key("carol", name="k", scopes=["*"])
            for secret in (
                bare,
                await _ticket(guard, session),
                f"stormdoor.ticket.{await _ticket(guard, session)}",
                f"stormdoor.ticket.{bare}",
                key.secret,
            ):
                await _shown(guard, secret)
            asked = {one.form["token"] for one in provider.asked if one.path == "/introspect"}
            assert asked == {"opaque", bare}
            # Each still opens what it is for, though the other authenticator stands before.
            offers = ["stormdoor.v1", f"stormdoor.ticket.{await _ticket(guard, session)}"]
            connection, _ = await opened(guard, replace(HANDSHAKE, subprotocols=offers))
            assert await guard.refresh(connection, await _ticket(guard, session)) is None
