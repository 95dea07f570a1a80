"""Behaviour of real servers, each with an open and a guarded variant for the prober to distinguish.

An open door is found; a shut one is never reported, and at worst could not be told.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import random
import secrets
from typing import Any, ClassVar

import pytest
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from audit_tests.prober.servers import ALICE, SESSIONS, probed, serving, slugs, states
from stormdoor_audit.prober.identity import Identity

pytestmark = pytest.mark.sampled(2)

UNIQUE = ('{"type":"say","text":"{unique}"}',)


class Odd(WebSocketHandler):
    """A server that knows who is there; subclasses say whether that matters to it."""

    guarded = True

    @property
    def member(self) -> bool:
        """True if the handler treats the client as a member."""
        return not self.guarded or self.get_cookie("session") in SESSIONS

    def data(self) -> None:
        """Send the protected data."""
        self.write_message({"type": "prices", "items": [{"name": "oil", "price": 71}]})


class SilentToStrangers(Odd):
    """Opens for all, and streams to members."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.member:
            self.data()


class GreetsEverybody(Odd):
    """Handler that greets every client."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"server": "oddity", "version": "2.1", "motd": "Welcome"})
        self.write_message({"type": "hello", "user": "alice" if self.member else None})
        if self.member:
            self.data()


class GreetsByNameAndStreams(Odd):
    """The owner receives only its name in addition."""

    def open(self, *args: str, **kwargs: str) -> None:
        known = self.get_cookie("session") in SESSIONS
        self.write_message({"type": "hello", "user": "alice" if known else None})
        if self.member:
            self.data()


class ErrorAtFirstMessage(Odd):
    """Says nothing until it is spoken to."""

    def on_message(self, message: str | bytes) -> None:
        if self.member:
            self.data()
        else:
            self.write_message({"status": 401, "detail": "who are you?"})


class ClosesLater(Odd):
    """Looks a second after the 101 who is there (here: a moment)."""

    def open(self, *args: str, **kwargs: str) -> None:
        IOLoop.current().call_later(0.05, self.look)

    def look(self) -> None:
        """Now."""
        with contextlib.suppress(WebSocketClosedError):
            if self.member:
                self.data()
            else:
                self.close(1000)


class HangsUp(Odd):
    """A bare end instead of an answer."""

    def prepare(self) -> None:
        if not self.member:
            self.detach().close()
            raise HTTPError(400)

    def open(self, *args: str, **kwargs: str) -> None:
        self.data()


class Breaks(Odd):
    """Handler that answers 500 to a client without a session, by mistake."""

    def prepare(self) -> None:
        if not self.member:
            raise KeyError("session")

    def open(self, *args: str, **kwargs: str) -> None:
        self.data()


class NeedsSubprotocol(Odd):
    """Speaks only with who offers its subprotocol."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "graphql-ws" if "graphql-ws" in subprotocols else None

    def prepare(self) -> None:
        if "graphql-ws" not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise HTTPError(400)
        if not self.member:
            raise HTTPError(403)

    def open(self, *args: str, **kwargs: str) -> None:
        self.data()


class Heartbeats(Odd):
    """Heartbeats for all, data for members."""

    def open(self, *args: str, **kwargs: str) -> None:
        for number in range(3):
            self.write_message({"type": "heartbeat", "t": number})
            self.write_message({"time": 1_700_000_000 + number})
        if self.member:
            self.data()


class Binary(Odd):
    """Both its data and its refusals are bytes."""

    def open(self, *args: str, **kwargs: str) -> None:
        if self.member:
            self.write_message(gzip.compress(b'{"prices": [{"oil": 71}]}'), binary=True)
        else:
            self.write_message(gzip.compress(b'{"error": "unauthorized"}'), binary=True)


class Receipts(Odd):
    """Handler that answers every message with one receipt; members receive more."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"status": "ok"})
        if self.member:
            self.data()


class SameForm(Odd):
    """Says no in the form of an answer, and in words that are in no list."""

    def on_message(self, message: str | bytes) -> None:
        text = "oil is at seventy-one" if self.member else "Nope, sorry."
        self.write_message({"type": "answer", "text": text})


class Settings(Odd):
    """Handler that sends the page's settings to every client; members receive more."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message({"type": "config", "theme": {"dark": True}, "refresh": 30})
        if self.member:
            self.data()


class RandomFeed(Odd):
    """No two messages look alike; strangers read the same notice each time."""

    def open(self, *args: str, **kwargs: str) -> None:
        if not self.member:
            self.write_message("This is the feed of the desk.")
            return
        for _ in range(4):
            words = [secrets.token_hex(3).translate(str.maketrans("0123456789", "ghijklmnop"))]
            self.write_message(" ".join(words * random.randint(1, 4)))


class OneTable(Odd):
    """Handler that sends a client's own list; it is empty for an unauthenticated client."""

    def open(self, *args: str, **kwargs: str) -> None:
        items = [{"name": "oil"}] if self.member else []
        self.write_message({"type": "list", "items": items})


class Forgets(Odd):
    """Drops what it has heard before."""

    seen: ClassVar[set[str]] = set()

    def on_message(self, message: str | bytes) -> None:
        if message in self.seen:
            return
        self.seen.add(str(message))
        if self.member:
            self.data()


class Room(Odd):
    """Room that is silent until a member speaks, and then broadcasts the message."""

    everybody: ClassVar[set[WebSocketHandler]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        if self.member:
            self.everybody.add(self)

    def on_message(self, message: str | bytes) -> None:
        if self.get_cookie("session") not in SESSIONS:
            return
        for one in self.everybody:
            one.write_message({"type": "said", "text": json.loads(message)["text"]})

    def on_close(self) -> None:
        self.everybody.discard(self)


class TwoSockets(Odd):
    """Streams here while the other socket of the same session is open."""

    others: ClassVar[set[str]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        session = self.get_cookie("session", "")
        if self.request.path == "/control":
            self.others.add(str(session))
        elif session in self.others and self.member:
            self.data()
        else:
            self.close(4000)

    def on_close(self) -> None:
        if self.request.path == "/control":
            self.others.discard(str(self.get_cookie("session", "")))


class SlowFeed(Odd):
    """Speaks now and then: later than one listens at first."""

    def open(self, *args: str, **kwargs: str) -> None:
        IOLoop.current().call_later(0.5, self.speak)

    def speak(self) -> None:
        """Now."""
        with contextlib.suppress(WebSocketClosedError):
            if self.member:
                self.data()


class Never(Odd):
    """Strangers get no answer at all."""

    async def prepare(self) -> None:
        if not self.member:
            await asyncio.Event().wait()

    def open(self, *args: str, **kwargs: str) -> None:
        self.data()


ODDITIES: list[tuple[type[Odd], dict[str, Any], str]] = [
    # The verdict on the guarded one beside an owner; the open one is always found. A socket that stays open
    # for every client, and was sent no message, is not known to be closed.
    (SilentToStrangers, {}, "unknown"),
    (GreetsEverybody, {}, "unknown"),
    (GreetsByNameAndStreams, {}, "unknown"),
    (ErrorAtFirstMessage, {"say": UNIQUE}, "guarded"),
    (ClosesLater, {}, "guarded"),
    (HangsUp, {}, "guarded"),
    (Breaks, {}, "guarded"),
    (NeedsSubprotocol, {"protocols": ("graphql-ws",)}, "guarded"),
    (Heartbeats, {}, "unknown"),
    (Binary, {}, "unknown"),
    (Receipts, {"say": UNIQUE}, "guarded"),
    (SameForm, {"say": UNIQUE}, "unknown"),
    (Settings, {}, "unknown"),
    (RandomFeed, {}, "unknown"),
    (OneTable, {}, "unknown"),
    (Forgets, {"say": ('{"id":"1","type":"list"}',)}, "guarded"),
    (Room, {"say": UNIQUE}, "guarded"),
    (TwoSockets, {"beside": "/control"}, "guarded"),
    (SlowFeed, {}, "unknown"),
    (Never, {}, "guarded"),
]


async def _verdict(
    handler: type[Odd], *, guarded: bool, owned: bool, plan: dict[str, Any]
) -> tuple[set[str], str]:
    """Return the findings and the state of the authentication."""
    fresh = {"guarded": guarded, "seen": set(), "everybody": set(), "others": set()}
    one = type(handler.__name__, (handler,), fresh)
    plan = {"listen": 0.2, **plan}
    protocols = plan.pop("protocols", ())
    if owned:
        plan["owner"] = Identity("alice", cookies=ALICE.cookies, protocols=protocols)
    async with serving(one, ("/control", one)) as port:
        if beside := plan.pop("beside", ""):
            plan["beside"] = (f"ws://127.0.0.1:{port}{beside}",)
        report = await probed(port, **plan)
    return slugs(report), states(report)["authentication"]


async def _all(cases: list[tuple[type[Odd], dict[str, Any]]], *, owned: bool) -> dict[Any, Any]:
    """The verdicts about all of them, open and shut; a few at a time, since most of it is listening."""
    turn = asyncio.Semaphore(12)

    async def one(handler: type[Odd], guarded: bool, plan: dict[str, Any]) -> Any:
        async with turn:
            return await _verdict(handler, guarded=guarded, owned=owned, plan=plan)

    keys = [(handler, guarded, plan) for handler, plan in cases for guarded in (True, False)]
    found = await asyncio.gather(*(one(*key) for key in keys))
    return {(key[0].__name__, key[1]): verdict for key, verdict in zip(keys, found, strict=True)}


@pytest.mark.extended
async def test_beside_an_owner() -> None:
    """Shut: nothing at all, and said to be so. Open: found."""
    verdicts = await _all([one[:2] for one in ODDITIES], owned=True)
    shut: dict[str, tuple[set[str], str]] = {
        handler.__name__: (set(), verdict) for handler, _, verdict in ODDITIES
    }
    assert {name: verdicts[name, True] for name in shut} == shut
    for name in shut:
        assert (name, verdicts[name, False][1]) == (name, "missing")
        assert "no-credential" in verdicts[name, False][0], name


ALONE: list[tuple[type[Odd], dict[str, Any]]] = [
    (SilentToStrangers, {}),
    (GreetsEverybody, {}),
    (ErrorAtFirstMessage, {"say": UNIQUE}),
    (ClosesLater, {}),
    (NeedsSubprotocol, {}),
    (Heartbeats, {}),
    (Binary, {}),
    (OneTable, {}),
]


async def test_without_an_owner() -> None:
    """As a stranger only: a shut door is no finding; an open one is, where something is delivered."""
    verdicts = await _all(ALONE, owned=False)
    for handler, _ in ALONE:
        name = handler.__name__
        assert (name, verdicts[name, True][0]) == (name, set())
        assert "no-credential" in verdicts[name, False][0], name
