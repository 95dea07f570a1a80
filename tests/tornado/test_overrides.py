"""Overrides in the base classes of a handler run behind the guard as they do without it.

Each hierarchy is served twice, plain and guarded, on both protocols; the client says the same to each, and
compares the bytes that come back, and the overrides that ran.
"""

from __future__ import annotations

import abc
import asyncio
import re
import typing
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import GuardedHandler, protect
from stormdoor.tornado.fast import FastProtocol
from stormdoor.tornado.socket.handler import HandlerOutput
from tests.guard.fakes import make_guard
from tests.tornado.test_answers import BEARER, HANDSHAKE
from tests.tornado.wire import BINARY, CLOSE, PING, PONG, TEXT, frame_bytes

PUBLIC = sorted(
    name
    for name in dir(WebSocketHandler)
    if not name.startswith("_")
    and callable(getattr(WebSocketHandler, name))
    # Not called by what is said below, or only where something has gone wrong.
    and name not in {"detach", "get_websocket_protocol"}
)
PROPERTIES = ("max_message_size", "ping_interval", "ping_timeout", "selected_subprotocol")

SAID = b"".join(
    [
        frame_bytes(TEXT, b"text"),
        frame_bytes(TEXT, b"json"),
        frame_bytes(BINARY, b"\x00\xff"),
        frame_bytes(PING, b"from the client"),
        frame_bytes(TEXT, b"ping"),
        frame_bytes(PONG, b"unasked"),
        frame_bytes(TEXT, b"close"),
        frame_bytes(CLOSE, b"\x0f\xa1"),
    ]
)

Method = Callable[..., Any]


class Talker(WebSocketHandler):
    """The application's lowest class: it uses all ways to send."""

    told: typing.ClassVar[list[str]]

    def open(self, *args: str, **kwargs: str) -> None:
        self.write_message("opened")

    def on_message(self, message: str | bytes) -> None:
        if message == "json":
            self.write_message({"a": 1})
        elif message == "ping":
            self.ping(b"are you there")
        elif message == "close":
            self.close(4001, "bye")
        else:
            self.write_message(message, binary=isinstance(message, bytes))

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None


def _changed(name: str, level: int, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments that an override passes on: changed where that shows on the wire."""
    if name == "write_message" and isinstance(args[0], str):
        return f"<{level} {args[0]} {level}>", *args[1:]
    if name == "write_message" and isinstance(args[0], bytes):
        return bytes([level]) + args[0], *args[1:]
    if name == "write_message":
        return {"level": level, "of": args[0]}, *args[1:]
    if name == "ping":
        return b"%d " % level + args[0], *args[1:]
    if name == "close" and len(args) == 2:
        return args[0] - level, f"{args[1]} {level}"
    return args


def _override(name: str, level: int, owner: Sequence[type]) -> Method:
    """An override that takes an argument more than Tornado's method, notes that it ran, and goes on."""

    def method(self: Any, *args: Any, more: int = level, **kwargs: Any) -> Any:
        self.told.append(f"{name} {more}")
        result = getattr(super(owner[0], self), name)(*_changed(name, level, args), **kwargs)
        if name == "set_default_headers":
            self.set_header(f"X-Level-{level}", "yes")
        return result

    method.__name__ = name
    return method


def _property(name: str, owner: Sequence[type]) -> property:
    return property(lambda self: getattr(super(owner[0], self), name))


def build(
    levels: Sequence[tuple[str, Sequence[str]]], root: type = Talker
) -> type[WebSocketHandler]:
    """A handler class of so many levels above `root`; each overrides the methods that are named."""
    current = root
    for level, (style, names) in enumerate(levels, 1):
        owner: list[type] = []
        own: dict[str, Any] = {
            name: _property(name, owner) if name in PROPERTIES else _override(name, level, owner)
            for name in names
        }
        if style == "subclass":
            current = type(f"Level{level}", (current,), own)
            owner.append(current)
        else:
            mixin = type(f"Mixin{level}", (), own)
            owner.append(mixin)
            bases = (mixin, current) if style == "mixin" else (current, mixin)
            current = type(f"Level{level}", bases, {})
    return current


class Wire(typing.NamedTuple):
    """A conversation, as the client saw it and as the overrides did."""

    head: list[bytes]
    frames: bytes
    told: list[str]


async def converse(handler: type[WebSocketHandler], fast: bool | None) -> Wire:
    """Say everything to `handler`: plain if `fast` is None, else guarded."""
    told: list[str] = []
    served: Any = type(handler.__name__, (handler,), {"told": told})
    application = Application([("/ws", served)], log_function=lambda _: None)
    guard = make_guard(insecure_allow_any_host=True, fast=bool(fast))
    if fast is not None:
        protect(application, guard, "chat:connect")
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application)
    server.add_sockets(sockets)
    async with guard:
        try:
            reader, writer = await asyncio.open_connection(*sockets[0].getsockname()[:2])
            writer.write(f"{HANDSHAKE}{BEARER}Sec-WebSocket-Protocol: a, b\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(SAID)
            frames = await reader.read()
            writer.close()
        finally:
            server.stop()
            await server.close_all_connections()
    lines = [one for one in head.split(b"\r\n") if not one.startswith(b"Date: ")]
    return Wire(sorted(lines), frames, told)


SENDING = ("close", "on_message", "on_ping", "on_pong", "open", "ping", "write_message", "on_close")


def _of(told: Sequence[str]) -> list[str]:
    """The calls that are the conversation's; how a 101 is made is the protocol's own business."""
    return [one for one in told if one.split()[0] in SENDING]


async def compare(handler: type[WebSocketHandler]) -> Wire:
    """Plain and guarded, on both protocols: the same bytes, the same overrides."""
    plain = await converse(handler, None)
    assert b"101" in plain.head[0] + plain.head[-1] + b"".join(plain.head)
    for fast in (True, False):
        guarded = await converse(handler, fast)
        assert guarded.head == plain.head
        assert guarded.frames == plain.frames
        assert _of(guarded.told) == _of(plain.told)
    return plain


@pytest.mark.sampled(4)
@pytest.mark.parametrize("style", ["subclass", "mixin"])
@pytest.mark.parametrize("name", [*PUBLIC, *PROPERTIES])
async def test_three_levels_override_one_method(name: str, style: str) -> None:
    """Each of Tornado's public methods, with an argument more."""
    await compare(build([(style, [name])] * 3))


async def test_what_is_sent_goes_through_every_level() -> None:
    """Or the comparison would prove nothing: an envelope of three levels is on the wire."""
    plain = await compare(build([("subclass", SENDING)] * 3))
    assert b"<1 <2 <3 text 3> 2> 1>" in plain.frames
    assert b"1 2 3 are you there" in plain.frames
    assert re.search(rb"bye 3 2 1$", plain.frames)


LEVEL = st.tuples(
    st.sampled_from(["subclass", "mixin", "mixin behind"]),
    st.lists(st.sampled_from([*PUBLIC, *PROPERTIES, *SENDING]), unique=True, max_size=8),
)


@settings(max_examples=settings().max_examples // 4)
@given(levels=st.lists(LEVEL, min_size=1, max_size=4))
def test_any_hierarchy(levels: list[tuple[str, list[str]]]) -> None:
    """Mixins in front of and behind the handler, any methods at any level."""
    asyncio.run(compare(build(levels)))


class Marked(type):
    """A metaclass of the application's."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        made: Any = super().__new__(cls, name, bases, namespace)
        made.marked = True
        return made


class Sender(typing.Protocol):
    """A protocol class that a handler inherits from."""

    room: str

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Passes on."""
        return super().write_message(message, binary)  # type: ignore[misc]


class Page(RequestHandler):
    """Base class of an application's pages and sockets."""

    def set_default_headers(self) -> None:
        self.set_header("X-Page", "yes")


_T = typing.TypeVar("_T")


class Envelope(WebSocketHandler):
    """Wraps what is sent."""

    def write_message(self, message: Any, binary: bool = False, locked: bool = True) -> Any:
        return super().write_message(f"({message!r})", binary)


class FromProtocol(Sender, Envelope):  # type: ignore[misc]
    """Inherits from a `typing.Protocol` class."""


class OfKind(Envelope, typing.Generic[_T]):
    """Generic."""


class Abstract(Envelope, abc.ABC):
    """Abstract, with a metaclass of its own."""


class WithMetaclass(Envelope, metaclass=Marked):
    """With the application's metaclass."""


class Slotted(Envelope):
    """With slots."""

    __slots__ = ("room",)


class Shared(Envelope, Page):
    """Two kinds of handlers; the page's class comes behind Tornado's."""


class PageFirst(Page, Envelope):
    """The page's class comes first."""


class Refusing(Envelope):
    """Wants to know its subclasses, and an argument of each."""

    def __init_subclass__(cls, *, room: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)


class Child(Refusing, room="a"):
    """One of them."""


BASES = [FromProtocol, OfKind[int], Abstract, WithMetaclass, Slotted, Shared, PageFirst, Child]


@pytest.mark.parametrize("base", BASES, ids=lambda one: getattr(one, "__name__", "OfKind"))
async def test_bases_of_every_kind(base: Any) -> None:
    """Metaclasses, protocols, slots, several kinds of handlers: an override two levels up still runs."""
    origin = typing.get_origin(base) or base
    handler: Any = type(origin)("Leaf", (Talker, origin), {})
    plain = await compare(build([("subclass", ["write_message"])] * 2, handler))
    assert b"('<1 <2 opened 2> 1>')" in plain.frames


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("declaring", [False, True])
async def test_the_mixin_is_directly_above_tornados_class(declaring: bool, fast: bool) -> None:
    """Nothing of the application comes behind it; and the fast protocol is in use where it is asked for."""
    seen: list[tuple[list[str], bool]] = []

    class Base(GuardedHandler if declaring else WebSocketHandler):  # type: ignore[misc]
        permission = "chat:connect"

    class Middle(Base):
        pass

    class Leaf(Middle, Talker):
        def open(self, *args: str, **kwargs: str) -> None:
            names = [one.__name__ for one in type(self).__mro__]
            seen.append((names, isinstance(self.ws_connection, FastProtocol)))
            super().open(*args, **kwargs)

    await converse(Leaf, fast)
    [(names, is_fast)] = seen
    tornados = names.index("WebSocketHandler")
    assert names[tornados - 1] == HandlerOutput.__name__
    assert names.index("Talker") < tornados - 1
    assert is_fast == fast
