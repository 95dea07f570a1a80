"""The browser client keeps its connection through everything that ends one, and knows when to stop."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest

from stormdoor import Denial, Target
from stormdoor.core.denial import Refusal
from tests.client.clients import Client
from tests.client.world import PASSWORD, FirstMessageChat, World, world

pytestmark = pytest.mark.sampled(3)

BOTH = pytest.mark.parametrize("kind", ["node", "chromium"], indirect=True)
"""`make test` runs the test in the browser, too."""


async def _open(client: Client, ticket: dict[str, Any], **options: Any) -> None:
    await client.do("start", **ticket, **options)
    await client.until("open")


@pytest.mark.sampled(1)
@BOTH
async def test_a_ticket_opens_it_and_commands_are_answered(kind: str) -> None:
    """An answer resolves; a refusal rejects with the server's word."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        assert await client.send("say", text="hello") == {"type": "said", "text": "hello", "id": 1}
        refused = await client.send("ban", who="bob")
        assert (refused["name"], refused["cause"]) == ("DoorError", "forbidden")
        assert (await client.send("say", text=5))["cause"] == "invalid"
        assert client.count("fetched") == 1


async def test_what_is_sent_too_early_waits(kind: str) -> None:
    """Commands that are sent while it connects are sent when it is open."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await client.do("start", **ticket)
        assert (await client.send("say", text="early"))["text"] == "early"


async def test_a_logout_is_final(kind: str) -> None:
    """3000: it asks for another ticket, learns that there is none, says so once, and stops."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        await server.guard.admin.revoke(Target.PRINCIPAL, "ann")
        assert (await client.until("state", name="waiting"))["why"] == "closed with 3000"
        assert (await client.until("authlost"))["why"] == "401"
        assert (await client.do("state"))["name"] == "closed"
        assert (await client.send("say", text="too late"))["cause"] == "closed"
        assert client.count("authlost") == 1


async def test_the_server_says_when_to_return(kind: str) -> None:
    """The reason of a close after a fence or a restart names a time; the client comes back after that."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        [connection] = server.guard.registry
        why = Refusal(Denial.UNAVAILABLE, "the hold is over", retry_after=2)
        began = time.time()
        server.guard.registry.end(connection, why)
        waiting = await client.until("state", name="waiting")
        assert waiting["why"] == "closed with 1013"
        assert waiting["until"] >= (began + 2) * 1000
        await client.until("state", name="open")
        assert time.time() - began >= 2


async def test_a_role_that_is_taken_is_final(kind: str) -> None:
    """3003: another attempt would be refused as well."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        await server.guard.admin.withdraw_role("ann", "member")
        ended = await client.until("state", name="closed")
        assert ended["code"] == 3003
        assert client.count("fetched") == 1
        # Given back, and asked to: it comes in again.
        await server.guard.admin.grant_role("ann", "member")
        await client.do("open")
        await client.until("open")


@pytest.mark.sampled(1)
@BOTH
async def test_a_restart(kind: str) -> None:
    """The client reconnects by itself after a restart of the server at the same address."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        await server.stop()
        assert (await client.until("state", name="waiting"))["why"] == "closed with 1001"
        await client.until("state", name="connecting")
        await client.until("state", name="waiting")
        waiting = asyncio.create_task(client.send("say", text="patience"))
        await server.start()
        await client.until("open")
        assert (await waiting)["text"] == "patience"


async def test_a_lost_network(kind: str) -> None:
    """An unanswered message fails when the network is lost, and the client then reconnects by itself."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        hanging = asyncio.create_task(client.send("hang"))
        # Cut before it was sent, it would be sent on the next connection.
        await server.hung.wait()
        server.network.cut()
        assert (await hanging)["cause"] == "closed"
        await client.until("open")
        assert (await client.send("say", text="again"))["text"] == "again"


async def _waiting(server: World, client: Client, text: str) -> asyncio.Task[Any]:
    """A command that ann's page has sent while the server was away."""
    await server.stop()
    await client.until("state", name="waiting", why="closed with 1001")
    sent = asyncio.create_task(client.send("say", text=text))
    await asyncio.sleep(0)
    await client.do("state")  # the driver reads in order: it has been sent
    return sent


async def test_what_ann_sent_is_not_said_by_bob(kind: str) -> None:
    """Bob has logged in, perhaps in another tab, which has ended ann's session.

    What the page sent for ann is rejected, and known not to have been carried out; bob's is.
    """
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await server.guard.admin.add_principal("bob", password=PASSWORD, roles=["member"])
        # It waits for a minute, and the page says when it is over.
        await _open(client, ticket, options={"backoff": {"first": 60_000, "longest": 120_000}})
        assert await client.do("principal") == "ann"
        if kind == "node":
            await server.guard.admin.end_other_sessions("ann")
            issued = await server.guard.sessions.create("bob")
            cookie = f"{server.guard.sessions.cookie.name}={issued.secret}"
            await client.do("become", headers={"Cookie": cookie})
        else:
            assert await client.do("login", username="bob", password=PASSWORD) == 200
        await client.until("state", name="waiting", why="closed with 3000")
        sent = asyncio.create_task(client.send("say", text="I resign"))
        await asyncio.sleep(0)
        await client.do("open")
        refused = await sent
        assert refused == {
            "name": "DoorError",
            "cause": "closed",
            "message": "the credential is somebody else's",
            "needs": None,
        }
        await client.until("open")
        assert await client.do("principal") == "bob"
        assert (await client.send("say", text="I am bob"))["text"] == "I am bob"


async def test_tokens_that_say_whose_they_are(kind: str) -> None:
    """A fresh token of ann carries on what she sent; a token of bob does not, nor one that says nothing."""
    async with world() as server, server.client(kind) as (client, _):
        for next_one, carried_on in (
            (server.token(seconds=600), True),
            (server.token(principal="bob"), False),
            ("opaque", False),
        ):
            await client.do("answer", name="token", value=server.token())
            await client.do("start", url=server.url, token="")
            await client.until("open")
            sent = await _waiting(server, client, "of ann")
            await client.do("answer", name="token", value=next_one)
            await server.start()
            answer = await sent
            assert answer.get("text", answer.get("cause")) == ("of ann" if carried_on else "closed")
            await client.do("close")
            await client.until("state", name="closed")


async def test_a_silent_network(kind: str) -> None:
    """With `silence` set, the client closes a connection on which it hears nothing for that time."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket, options={"silence": 300})
        server.network.silence()
        gone = await client.until("state", name="waiting")
        assert gone["why"] == "the network is silent"
        server.network.cut()
        server.network.restore()
        await client.until("open")


async def test_nobody_answers(kind: str) -> None:
    """Attempts go on, and not all at once."""
    async with world() as server, server.client(kind) as (client, _):
        await server.stop()
        options = {"backoff": {"first": 40}, "timeout": 150}
        await client.do("start", url=server.url, token="t", options=options)
        waits = [(await client.until("state", name="waiting"))["until"] for _ in range(5)]
        gaps = [later - sooner for sooner, later in pairwise(waits)]
        # Half of each wait is certain, and it doubles: 40, 80, 160, 320, 640.
        assert gaps[-1] >= 320
        assert client.count("asked") == 5


async def test_a_busy_server_says_when(kind: str) -> None:
    """`Retry-After` of the ticket is waited for, however soon the next attempt would be."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        server.guard.checks.closing = True  # the guard answers every ticket with 503
        begun = time.time() * 1000
        server.network.cut()
        await client.until("state", name="waiting", why="closed with 1006")
        refused = await client.until("state", name="waiting", why="503")
        # Backing off alone would wait 0.2 s at most; the server says five seconds.
        assert refused["until"] - begun > 4900


async def test_a_token_that_cannot_be_renewed(kind: str) -> None:
    """The page's own source of tokens says that only a login helps."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("start", url=server.url, token=server.token())
        await client.until("open")
        await client.do("answer", name="token", value=None)
        server.network.cut()
        assert (await client.until("authlost"))["why"] == "the token cannot be renewed"
        assert (await client.do("state"))["name"] == "closed"


# -- still true ---------------------------------------------------------------------------------------


async def _connection(server: World) -> str:
    (connection,) = server.guard.registry
    return connection.id


async def test_a_token_is_renewed_on_the_open_connection(kind: str) -> None:
    """Told that it expires, it shows a fresh one; the connection is the same afterwards."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("start", url=server.url, token=server.token(seconds=300))
        await client.until("open")
        before = await _connection(server)
        await client.do("answer", name="token", value=server.token(seconds=600))
        await server.pass_time(270)
        told = await client.until("message")
        assert told["message"]["type"] == "stormdoor.expiring"
        assert client.count("asked") == 2
        assert (await client.send("say", text="between"))["text"] == "between"
        await server.pass_time(200)
        assert (await client.send("say", text="still here"))["text"] == "still here"
        assert await _connection(server) == before
        # And when there is no other, the deadline holds.
        await client.do("answer", name="token", value=None)
        await server.pass_time(140)
        assert (await client.until("state", name="waiting"))["why"] == "closed with 3000"
        await client.until("authlost")
        assert (await client.do("state"))["name"] == "closed"


async def test_refreshes_at_the_same_time_are_one(kind: str) -> None:
    """Five parts of a page notice at once; the source of tokens is asked once."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("start", url=server.url, token=server.token())
        await client.until("open")
        asked = client.count("asked")
        results = await client.do("refreshes", number=5)
        assert all("ok" in one for one in results)
        await client.send("say", text="done")
        await client.do("close")
        await client.until("state", name="closed")
        assert client.count("asked") == asked + 1


async def test_the_token_of_somebody_else_is_refused_and_harms_nothing(kind: str) -> None:
    """The page mixed up two accounts: the connection stays what it was."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("start", url=server.url, token=server.token())
        await client.until("open")
        await client.do("answer", name="token", value=server.token(principal="bob"))
        assert (await client.do("refresh"))["failed"]["cause"] in {"unauthenticated", "forbidden"}
        assert (await client.send("say", text="ann still"))["text"] == "ann still"


async def test_a_command_that_needs_a_fresher_login(kind: str) -> None:
    """The page is asked, logs in, and the command is carried out once, on the same connection."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("answer", name="stepup", value=None)
        await client.do("start", url=server.url, token=server.token(seconds=3000))
        await client.until("open")
        before = await _connection(server)
        assert (await client.send("pay", amount=1))["amount"] == 1
        await server.pass_time(100)
        await client.do("answer", name="token", value=server.token(seconds=3000))
        assert await client.send("pay", amount=2) == {"type": "paid", "amount": 2, "id": 4}
        assert (await client.until("stepup"))["needs"] == {"max_age": 60}
        assert await _connection(server) == before


async def test_nobody_who_could_log_in(kind: str) -> None:
    """Without a page that does so, the command fails, and the error says what it needs."""
    async with world() as server, server.client(kind) as (client, _):
        await client.do("start", url=server.url, token=server.token(seconds=3000))
        await client.until("open")
        await server.pass_time(100)
        failed = await client.send("pay", amount=2)
        assert (failed["cause"], failed["needs"]) == ("step-up", {"max_age": 60})


async def test_the_credential_as_the_first_message(kind: str) -> None:
    """Nothing else is sent before it is accepted; a wrong one is tried again only with a fresh one."""
    async with world(FirstMessageChat) as server, server.client(kind) as (client, _):
        await client.do("answer", name="token", value="not.a.token")
        options = {"firstMessage": True}
        await client.do("start", url=server.url, token="", options=options)
        waiting = asyncio.create_task(client.send("say", text="early"))
        refused = await client.until("state", name="waiting")
        assert refused["why"] == "closed with 3000"
        await client.do("answer", name="token", value=server.token())
        await client.until("open")
        assert (await waiting)["text"] == "early"


async def test_a_ticket_renews_the_connection(kind: str) -> None:
    """After a login that is fresher, another ticket of the session is shown on the open connection."""
    async with world() as server, server.client(kind, login=True) as (client, ticket):
        await _open(client, ticket)
        before = await _connection(server)
        assert "ok" in await client.do("refresh")
        assert (await client.send("say", text="the same"))["text"] == "the same"
        assert await _connection(server) == before
