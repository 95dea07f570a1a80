"""The adapter of python-socketio and its preset, with the real library: members send, viewers receive."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tornado.web import Application, RequestHandler

from stormdoor import ConfigurationError
from tests.apps.presets import ORIGIN, PASSWORD, guard_by_preset, log_in
from tests.tornado.login_client import LoginClient
from tests.tornado.transports.plain_http import library, send
from tests.tornado.wire import connect, request, serving, settled, until

socketio = library("socketio")

_SOCKET = "/socket.io/?EIO=4&transport=websocket"
_POLL = "/socket.io/?EIO=4&transport=polling"
_WAVES = """\
[[protect.messages]]
path = "/socket.io/"
format = "socketio"
default = "app:send"

[protect.messages.permissions]
wave = "app:use"
"<connect>" = "app:use"
"""
_FILE = '451-["upload",{"_placeholder":true,"num":0}]'
_PACKED = base64.b64encode(b"file").decode()

WAYS: dict[str, list[str | bytes]] = {
    "an event": ['42["say","event"]'],
    "an event with an id": ['427["say","id"]'],
    "another namespace": ['42/side,["say","side"]'],
    "a binary event": [_FILE, b"file"],
    "a binary event in text": [_FILE, f"b{_PACKED}"],
    "an acknowledgement": ['431["ack"]'],
    "a binary acknowledgement": ['461-2[{"_placeholder":true,"num":0}]', b"ack"],
    "after a heartbeat": ["3", '42["say","later"]'],
}
"""Ways to send something, by their messages on a socket."""


class _Site:
    """A server that notes everything that it hears."""

    def __init__(self, **options: Any) -> None:
        self.heard: list[object] = []
        self.server = socketio.AsyncServer(
            async_mode="tornado", cors_allowed_origins="*", **options
        )

        async def hear(sid: str, said: object = None) -> None:
            self.heard.append(said)

        async def wave(sid: str) -> None:
            self.heard.append("wave")

        self.server.on("say", hear)
        self.server.on("upload", hear)
        self.server.on("say", hear, namespace="/side")
        self.server.on("wave", wave)
        handler = socketio.get_tornado_handler(self.server)
        self.application = Application([("/socket.io/", handler)])

    async def ask(self, sid: str) -> None:
        """Send the client two questions, which have the ids 1 and 2."""
        for _ in range(2):
            await self.server.emit(
                "ask", to=sid, callback=lambda *answer: self.heard.append(answer)
            )


Ways = Iterable[list[str | bytes]]
Work = Callable[[_Site, int, tuple[tuple[str, str], ...], Ways], Awaitable[None]]


async def _over_socket(
    site: _Site, port: int, headers: tuple[tuple[str, str], ...], ways: Ways
) -> None:
    async with await connect(port, _SOCKET, *headers) as wire:
        await wire.text()
        wire.send("40")
        opened = await wire.text()
        wire.send("40/side,")
        assert (await wire.text()).startswith("40/side,")
        await site.ask(json.loads(opened[2:])["sid"])
        for one in ("1", "2"):
            assert await wire.text() == f'42{one}["ask"]'
        for message in chain.from_iterable(ways):
            wire.send(message)
        wire.send('42["wave"]')
        await until(lambda: "wave" in site.heard)


async def _over_polling(
    site: _Site, port: int, headers: tuple[tuple[str, str], ...], ways: Ways
) -> None:
    begun = await send(port, "GET", _POLL, *headers)
    path = f"{_POLL}&sid={json.loads(begun.body[1:])['sid']}"
    assert (await send(port, "POST", path, *headers, body=b"40\x1e40/side,")).status == 200
    answer = (await send(port, "GET", path, *headers)).body.decode().split("\x1e")
    assert answer[-1].startswith("40/side,")
    await site.ask(json.loads(answer[0][2:])["sid"])
    for messages in ways:
        packets = [
            one if isinstance(one, str) else f"b{base64.b64encode(one).decode()}"
            for one in messages
        ]
        body = "\x1e".join(["3", *packets]).encode()  # several packets in one body
        await send(port, "POST", path, *headers, body=body)
    assert (await send(port, "POST", path, *headers, body=b'42["wave"]')).status == 200
    await until(lambda: "wave" in site.heard)
    asked = (await send(port, "GET", path, *headers)).body
    assert b'["ask"]' in asked  # a viewer still receives


@pytest.mark.parametrize("work", [_over_socket, _over_polling], ids=["WebSocket", "polling"])
async def test_members_send_and_viewers_receive(work: Work, tmp_path: Path) -> None:
    """Nothing that a viewer sends arrives, but the event that the file allows; all of a member does."""
    for name, arriving in (("", len(WAYS)), ("alice", len(WAYS)), ("victor", 0)):
        site = _Site()
        guard = guard_by_preset(site.application, "socketio", tmp_path, _WAVES) if name else None
        async with serving(site.application, guard) as at:
            cookies = {} if guard is None else await log_in(guard)
            headers = (("Origin", ORIGIN), *([cookies[name]] if name else []))
            await work(site, at.port, headers, WAYS.values())
            await until(lambda heard=site.heard, count=arriving: len(heard) > count)
            await site.server.shutdown()
            await settled()
        assert len(site.heard) == 1 + arriving, (name, site.heard)


async def test_a_name_that_resembles_a_listed_event(tmp_path: Path) -> None:
    """A viewer with a permission for `wave` has none for a name that a host might take for it."""
    site = _Site()
    guard = guard_by_preset(site.application, "socketio", tmp_path, _WAVES)
    async with serving(site.application, guard) as at:
        victor = (await log_in(guard))["victor"]
        await _over_socket(
            site, at.port, (("Origin", ORIGIN), victor), [['42["Wave"]', '42["wave "]']]
        )
        await site.server.shutdown()
    assert site.heard == ["wave"]


async def test_the_login_opens_the_socket(tmp_path: Path) -> None:
    """The sockets of the library need a login; a viewer may open one."""
    site = _Site()
    guard = guard_by_preset(site.application, "socketio", tmp_path)
    async with serving(site.application, guard) as at:
        await log_in(guard)
        origin = ("Origin", ORIGIN)
        async with await request(at.port, _SOCKET, origin, upgrade=True) as wire:
            assert wire.status == 401
        browser = LoginClient(at.port, ORIGIN)
        assert (await browser.log_in("victor", PASSWORD)).status == 200
        cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
        async with await request(at.port, _SOCKET, origin, ("Cookie", cookies)) as wire:
            assert wire.status == 101


def test_packets_that_cannot_be_read(tmp_path: Path) -> None:
    """A server with packets of its own is refused; the message names the lines, and they start it."""
    packets = type("Packets", (socketio.packet.Packet,), {"__module__": "own"})
    with pytest.raises(
        ConfigurationError, match=r"own\.Packets.*write messages = \[\] into \[protect\]"
    ):
        guard_by_preset(_Site(serializer=packets).application, "socketio", tmp_path)
    lines = "[protect]\nmessages = []\n"
    guard_by_preset(_Site(serializer=packets).application, "socketio", tmp_path, lines)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("get_tornado_handler", "do not share their sessions"),
        ("handle_request", "a session that begins over HTTP is not found"),
    ],
)
def test_a_library_that_has_changed_does_not_start(
    changed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session over HTTP is begun at the start, on a server of its own: the guard must find it."""
    engineio = library("engineio")
    if changed == "get_tornado_handler":
        monkeypatch.setattr(engineio, "get_tornado_handler", lambda _: RequestHandler)
    else:

        async def handle(_server: Any, handler: Any) -> None:
            await handler.finish('0{"sid":"elsewhere"}')

        monkeypatch.setattr(engineio.AsyncServer, "handle_request", handle)
    with pytest.raises(ConfigurationError, match=f"does not fit python-socketio .*{said}"):
        guard_by_preset(_Site().application, "socketio", tmp_path)
