"""The guides about the life of a socket: their code is run, and does what the text says."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from stormdoor.core.denial import ANSWERS
from stormdoor.core.in_band import encode_expiring, encode_renewed
from tests.docs.pages import blocks, closed, module_of, refused, serving
from tests.support.project import ROOT
from tests.support.tokens import forge, hs256

HOW_TO = ROOT / "docs" / "how-to"
WIRE = ROOT / "docs" / "reference" / "wire.md"
HERE = {"origins=": 'hosts=["app.example", "127.0.0.1"], origins='}


async def ask(client: ClientConnection, message: dict[str, Any]) -> Any:
    """Send one message and read the next."""
    await client.send(json.dumps(message))
    return json.loads(await asyncio.wait_for(client.recv(), 60))


def token(page: Any, audience: str, **claims: Any) -> str:
    """A token of alice, as the page's issuer makes it."""
    now = int(time.time())
    said = {
        "iss": "https://login.example",
        "aud": audience,
        "sub": "alice",
        "roles": ["member", "customer"],
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    return forge({"alg": "HS256", "typ": "JWT"}, said, hs256(page.SECRET))


def bearing(secret: str) -> dict[str, Any]:
    """Options of a handshake with it."""
    return {"additional_headers": {"Authorization": f"Bearer {secret}"}}


async def test_refresh() -> None:
    """The socket is told, goes on with another token, and says so; a wrong one changes nothing."""
    page = module_of(HOW_TO / "refresh.md", HERE)
    now = int(time.time())
    async with serving(page.app, page.guard) as host:
        short = token(page, "chat", iat=now - 3, exp=now + 3)
        async with connect(f"ws://{host}/chat", **bearing(short)) as client:
            told = json.loads(await asyncio.wait_for(client.recv(), 60))
            assert told["type"] == "stormdoor.expiring"
            assert told["expires_in"] <= 2
            bad = await ask(client, {"type": "stormdoor.refresh", "token": "x.y.z", "id": 1})
            assert (bad["type"], bad["error"]) == ("error", "unauthenticated")
            other = token(page, "chat", sub="bob")
            bad = await ask(client, {"type": "stormdoor.refresh", "token": other, "id": 2})
            assert bad["error"] == "forbidden"
            long = token(page, "chat")
            good = await ask(client, {"type": "stormdoor.refresh", "token": long, "id": 3})
            assert (good["type"], good["id"]) == ("stormdoor.refreshed", 3)
            assert 290 < good["expires_in"] <= 300
            assert (await ask(client, {"type": "say", "text": "x"}))["text"] == "x"


async def test_refresh_in_a_protocol_of_its_own() -> None:
    """The method is called, and what the client sends is handed over."""
    page = module_of(HOW_TO / "refresh.md", HERE)
    now = int(time.time())
    async with serving(page.feed, page.guard) as host:
        short = token(page, "chat", iat=now - 3, exp=now + 3)
        async with connect(f"ws://{host}/feed", **bearing(short)) as client:
            assert str(await asyncio.wait_for(client.recv(), 60)).startswith("HURRY ")
            await client.send("TOKEN nonsense")
            assert await client.recv() == "NO"
            await client.send(f"TOKEN {token(page, 'chat')}")
            assert await client.recv() == "OK"
            await client.send("X y")
            assert await client.recv() == "ECHO y"


async def test_first_message() -> None:
    """A key in the first message; nothing else comes first."""
    page = module_of(HOW_TO / "first-message.md")
    async with serving(page.app, page.guard) as host:
        await page.guard.admin.add_principal("sensor", roles=["device"])
        issued = await page.guard.keys.issue("sensor", name="roof", scopes=["sensor:*"])
        url = f"ws://{host}/sensors"
        async with connect(url) as client:
            hello = {"type": "stormdoor.authenticate", "token": issued.secret}
            assert (await ask(client, hello))["type"] == "stormdoor.authenticated"
            assert await ask(client, {"type": "report", "temperature": 21.5}) == {"type": "noted"}
        async with connect(url) as client:
            await client.send(json.dumps({"type": "report", "temperature": 21.5}))
            assert await closed(client) == 3000
        assert await refused(url, additional_headers={"Authorization": "Bearer sd_wrong"}) == 401


async def test_first_message_for_a_handler_that_knows_nothing_of_it() -> None:
    """The protocol of the handler begins after the answer to the first message."""
    page = module_of(HOW_TO / "first-message.md")
    async with serving(page.echo, page.guard) as host:
        await page.guard.admin.add_principal("sensor", roles=["device"])
        issued = await page.guard.keys.issue("sensor", name="roof", scopes=["sensor:*"])
        async with connect(f"ws://{host}/echo") as client:
            hello = {"type": "stormdoor.authenticate", "token": issued.secret}
            assert (await ask(client, hello))["type"] == "stormdoor.authenticated"
            assert await client.recv() == "hello"
            await client.send("x")
            assert await client.recv() == "x"


class Factors:
    """The second factor of alice."""

    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """See `SecondFactors`."""
        return (principal_id, totp) == ("alice", "123456")


async def test_step_up() -> None:
    """A refusal names the missing strength; a code or a newer token raises it on the same socket."""
    page = module_of(HOW_TO / "step-up.md")
    page.guard.credential_refresh._factors = Factors()
    now = int(time.time())
    async with serving(page.app, page.guard) as host:
        old = token(page, "bank", auth_time=now - 1000)
        async with connect(f"ws://{host}/bank", **bearing(old)) as client:
            refusal = await ask(client, {"type": "transfer", "amount": 5, "id": 7})
            assert refusal == {
                "type": "error",
                "error": "step-up",
                "id": 7,
                "needs": {"strength": 2, "max_age": 300},
            }
            assert (await ask(client, {"type": "shred"}))["needs"] == {"max_age": 60}
            assert await ask(client, {"type": "say", "text": "x"}) == {"type": "done"}
            proof = {"type": "stormdoor.prove", "totp": "123456", "id": 8}
            assert (await ask(client, proof))["type"] == "stormdoor.refreshed"
            assert await ask(client, {"type": "transfer", "amount": 5}) == {"type": "done"}
            assert await ask(client, {"type": "shred"}) == {"type": "done"}
        async with connect(f"ws://{host}/bank", **bearing(old)) as client:
            assert (await ask(client, {"type": "shred"}))["error"] == "step-up"
            fresh = token(page, "bank", auth_time=now)
            await ask(client, {"type": "stormdoor.refresh", "token": fresh, "id": 9})
            assert await ask(client, {"type": "shred"}) == {"type": "done"}


async def test_a_contract_for_an_authenticator() -> None:
    """The test of the page passes on the authenticator of the page."""
    page = module_of(HOW_TO / "write-an-authenticator.md")
    await page.test_the_gateway()


def test_messages_of_the_reference_are_as_they_are_sent() -> None:
    """Each example of the guard's own messages in the reference is one."""
    examples = [
        json.loads(line)
        for block in blocks(WIRE, "json")
        for line in block.text.splitlines()
        if '"stormdoor.' in line
    ]
    by_type = {one["type"]: one for one in examples}
    assert by_type["stormdoor.expiring"] == json.loads(encode_expiring(60))
    assert by_type["stormdoor.refreshed"] == json.loads(encode_renewed("refreshed", 300, 1))
    assert by_type["stormdoor.authenticated"] == json.loads(encode_renewed("authenticated", 300))
    assert by_type["stormdoor.refresh"].keys() == {"type", "token", "id"}
    assert by_type["stormdoor.prove"].keys() == {"type", "totp", "id"}
    assert by_type["stormdoor.authenticate"].keys() == {"type", "token"}


def test_every_error_of_a_reply_is_in_the_reference() -> None:
    """The reference lists every error of a reply, and no other."""
    text = WIRE.read_text().partition("## A refusal")[2].partition("## ")[0]
    named = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))
    assert named - {"error"} == {answer.error for answer in ANSWERS.values()}
