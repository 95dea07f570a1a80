"""message-injection: malformed, oversized, deep or loaded messages."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import Any

import pytest

from tests.attacks.twin import Chat, LogIn, log_in, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import Running
from tests.demo.visitor import Visitor, answer, collected, heard
from tests.tornado.wire import TEXT, log_lines

pytestmark = pytest.mark.extended

SAY = {"type": "say", "room": "lobby", "text": "x"}


async def survives(visitor: Visitor, payload: bytes) -> bool:
    """Send the payload, and return whether the socket still answers."""
    async with await visitor.open() as wire:
        wire.frame(TEXT, payload)
        reply = await answer(wire, {"type": "join", "room": "lobby"})
        return reply is not None and reply["type"] == "joined"


class Decodes(Chat):
    """Careless chat that calls `json.loads`, and then the method with the name of the type."""

    def do_set(self, body: dict[str, Any]) -> None:
        """Set every field of the message on the handler."""
        for name, value in body.items():
            setattr(self, name, value)


# What makes a handler fall over that only calls `json.loads` and looks into the result.
BREAKS: dict[str, bytes] = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "no type": b"{}",
    "a type that is none": b'{"type":"nothing"}',
    "a type that is a list": b'{"type":[]}',
    "a method that is no command": b'{"type":"close"}',
    "deep": b"[" * 8000 + b"]" * 8000,
    "deep in a field": b'{"type":"say","room":"lobby","text":' + b"[" * 8000 + b"]" * 8000 + b"}",
    "a text that is missing": b'{"type":"say","room":"lobby"}',
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_message_that_breaks_the_handler(what: str, demo: Running) -> None:
    """A malformed message is answered `invalid`, without a traceback, and the socket stays open."""
    with log_lines("tornado.application") as errors:
        async with site(Decodes) as (at, _):
            with contextlib.suppress(AssertionError, TimeoutError):
                assert not await survives(await log_in(at, "alice"), BREAKS[what])
    # Newer versions of Python can decode what is as deep as that, and choke on it later.
    assert errors or what == "deep in a field", "it did not break"
    alice = await demo.visit("alice")
    assert await survives(alice, BREAKS[what])
    entry = await demo.recorded("input_validation_fail", address=alice.address)
    assert (entry["principal"], entry["cause"]) == ("alice", "invalid-message")
    assert "Traceback" not in demo.output


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        b'{"type":"\xe2\x82"}',
    ],
    ids=repr,
)
async def test_a_message_that_is_no_text(payload: bytes, demo: Running) -> None:
    """Invalid UTF-8 ends the connection (RFC 6455 §8.1), and no other client receives it."""
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    async with await bob.open() as listener, await alice.open() as wire:
        for one in (listener, wire):
            await answer(one, {"type": "join", "room": "lobby"})
        await heard(listener)
        wire.frame(TEXT, payload)
        wire.send(SAY)
        assert await collected(wire) == []
        assert {message["type"] for message in await heard(listener)} <= {"left"}
    await demo.recorded("connection_closed", address=alice.address)


async def changes_itself(visitor: Visitor) -> bool:
    """Set a field that no message has, and return whether the next message has another sender."""
    async with await visitor.open() as wire:
        wire.send({"type": "set", "name": "ada"})
        reply = await answer(wire, {**SAY, "name": "ada"}) or {}
        reply = await answer(wire, SAY) if reply.get("type") == "error" else reply
        return bool(reply["from"] == "ada")


async def test_a_field_that_no_message_has(demo: Running) -> None:
    """Mass assignment: a message with a field that is not declared is refused."""
    async with site(Decodes) as (at, _):
        assert await changes_itself(await log_in(at, "alice"))
    alice = await demo.visit("alice")
    assert not await changes_itself(alice)
    await demo.recorded("input_validation_fail", address=alice.address)


class ChecksFirst(Chat):
    """Careless chat: the check uses the first of two equal keys, and the handler the last."""

    def on_message(self, message: str | bytes) -> Any:
        first = str(message).partition('"type":')[2].split('"')[1]
        if first != "announce":
            super().on_message(message)

    def do_announce(self, body: dict[str, Any]) -> None:
        self.answer("announced", body, text=body["text"])


async def test_a_key_that_comes_twice(demo: Running) -> None:
    """With a duplicate key, the server checks and executes the same value."""
    twice = '{"type":"say","room":"lobby","text":"x","type":"announce","id":"i"}'

    async def announces(visitor: Visitor) -> bool:
        async with await visitor.open() as wire:
            wire.send(twice)
            return any(message["type"] == "announced" for message in await heard(wire))

    async with site(ChecksFirst) as (at, _):
        assert await announces(await log_in(at, "alice"))
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    assert not await announces(alice)
    async with await bob.open() as listener, await alice.open() as wire:
        for one in (listener, wire):
            await answer(one, {"type": "join", "room": "lobby"})
        wire.send('{"type":"say","room":"nowhere","room":"lobby","text":"a","text":"b","id":"i"}')
        replies = [reply for reply in await heard(wire) if reply.get("id") == "i"]
        said = [reply for reply in replies if reply["type"] == "said"]
        told = [message for message in await heard(listener) if message["type"] == "said"]
        assert [one["text"] for one in told] == [one["text"] for one in said]


async def test_a_message_that_is_huge(demo: Running) -> None:
    """Plain Tornado takes ten megabytes for one message; here it is refused unread."""
    huge = b'{"type":"say","room":"lobby","text":"' + b"x" * 2_000_000 + b'"}'

    async def heard_by_another(attacker: Visitor, other: Visitor) -> bool:
        async with await other.open() as listener, await attacker.open() as wire:
            for one in (listener, wire):
                await answer(one, {"type": "join", "room": "lobby"})
            await heard(listener)
            wire.frame(TEXT, huge)
            await collected(wire) if attacker.cookies.get("__Host-stormdoor") else await heard(wire)
            return any(message["type"] == "said" for message in await heard(listener))

    async with site(Chat) as (at, _):
        assert await heard_by_another(await log_in(at, "alice"), await log_in(at, "bob"))
    alice = await demo.visit("alice")
    assert not await heard_by_another(alice, await demo.visit("bob"))
    await demo.recorded("connection_closed", address=alice.address)


# -- what the message is made into -------------------------------------------------------------------


class Page(Chat):
    """Careless chat that inserts a message into HTML, and sends it to all clients."""

    def do_say(self, body: dict[str, Any]) -> None:
        self.answer("said", body, html=f"<p>{self.name}: {body['text']}</p>", **{"from": self.name})


async def test_html_in_a_text(demo: Running) -> None:
    """The demo sends a text exactly as it was written, and never makes HTML of it."""
    script = "<img src=x onerror=alert(document.domain)>"

    async def arrives(speaker: Visitor, reader: Visitor) -> dict[str, Any]:
        async with await reader.open() as other, await speaker.open() as wire:
            for one in (other, wire):
                await answer(one, {"type": "join", "room": "lobby"})
            await answer(wire, {**SAY, "text": script})
            return next(one for one in await heard(other) if one["type"] == "said")

    async with site(Page) as (at, _):
        assert script in (await arrives(await log_in(at, "alice"), await log_in(at, "bob")))["html"]
    said = await arrives(await demo.visit("alice"), await demo.visit("bob"))
    assert said["text"] == script
    assert set(said) == {"type", "room", "from", "text", "at"}


class LogsNames(LogIn):
    """Careless login that logs each username that was refused."""

    def post(self) -> None:
        super().post()
        if self.get_status() != 200:
            name = json.loads(self.request.body)["username"]
            logging.getLogger("site").warning("login failed for %s", name)


async def test_a_line_in_the_log(demo: Running) -> None:
    """A username with a line break or control characters stays in one line of the log."""
    forged = "refused nothing '/ws/chat' from 127.0.0.1 ('ada'): all is well"
    name = f"mallory\n{forged}\r\x1b[2J"

    async def forges(visitor: Visitor, log: list[str]) -> bool:
        await visitor.post("/auth/login", {"username": name, "password": "wrong wrong"})
        lines = [line for one in log for line in one.splitlines()]
        return any(line.startswith(forged) for line in lines)

    with log_lines("site") as log:
        async with site(Chat, log_in=LogsNames) as (at, _):
            assert await forges(comes_to(at), log)
    mallory = demo.visitor()
    assert not await forges(mallory, [demo.output])
    assert not await forges(mallory, [demo.output])
    assert "\x1b" not in demo.output
    entry = await demo.recorded("authn_login_fail", address=mallory.address)
    assert re.fullmatch(r"unknown:[0-9a-f]{16}", str(entry["principal"]))


@pytest.mark.parametrize(
    "text",
    ["x'; DROP TABLE account; --", '" OR ""="', "${jndi:ldap://127.0.0.1}", "{{7*7}}", "%s%n"],
)
async def test_a_text_in_a_query(text: str, demo: Running) -> None:
    """No text of a client becomes part of a statement, a template or a pattern."""
    visitor = demo.visitor()
    answered = await visitor.post("/auth/login", {"username": text, "password": text})
    assert answered.status == 401
    # A client may type its password as a name, so no entry contains an unknown name.
    entry = await demo.recorded("authn_login_fail", address=visitor.address)
    assert re.fullmatch(r"unknown:[0-9a-f]{16}", str(entry["principal"]))
    mia = await demo.visit("mia")
    async with await mia.open() as wire:
        await answer(wire, {"type": "join", "room": "lobby"})
        assert (await answer(wire, {**SAY, "text": text}))["text"] == text
        reply = await answer(wire, {"type": "kick", "room": "lobby", "principal": text})
        assert reply["error"] == "invalid"
    with demo.database() as database:
        assert database.execute("SELECT COUNT(*) FROM account").fetchone() == (6,)
