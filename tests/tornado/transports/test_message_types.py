"""Messages by type on HTTP transports: the bodies of SockJS, Engine.IO and of declared handlers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.web import RequestHandler

from stormdoor import Guard, MessagePermissions
from stormdoor.config.protection import Protection, SessionOf
from tests.tornado.transports import test_socketio, test_sockjs
from tests.tornado.transports.plain_http import ALICE, make_door, send, until_cut
from tests.tornado.wire import connect, dial, request, serving, until

SOCKJS = MessagePermissions(
    format="sockjs", type="/type", permissions={"say": "chat:say", "kick": "chat:kick"}
)
SOCKETIO = MessagePermissions(format="socketio", permissions={"say": "chat:say", "up": "chat:say"})
SAY, KICK = json.dumps({"type": "say"}), json.dumps({"type": "kick"})


def door(path: str, messages: MessagePermissions) -> Guard:
    """A guard with these permissions of messages."""
    protection = Protection(permission="chat:connect", messages={path: messages})
    return make_door(protection=protection)


@contextlib.asynccontextmanager
async def sockjs(told: test_sockjs.Told) -> AsyncIterator[int]:
    """Serve a SockJS application with permissions at its WebSocket only; the port."""
    async with test_sockjs.served(door(".*/[^/]+/[^/]+/websocket", SOCKJS), told) as port:
        yield port


async def test_bodies_of_sockjs() -> None:
    """The HTTP transports have the permissions of their socket."""
    told = test_sockjs.Told()
    async with sockjs(told) as port:
        await test_sockjs.opened(port)
        for sender in ("xhr_send", "jsonp_send"):
            path = f"{test_sockjs.ID}/{sender}"
            for refused in ([KICK], [SAY, KICK], {KICK: 1}, KICK, [{"type": "say"}]):
                body = json.dumps(refused).encode()
                answer = await send(port, "POST", path, ALICE, body=body)
                assert answer.status in {400, 403}, (refused, answer.status)
            answer = await send(port, "POST", path, ALICE, body=json.dumps([SAY]).encode())
            assert answer.status in {200, 204}
    assert told.heard == [SAY, SAY]


async def test_the_socket_of_sockjs() -> None:
    """The envelope is read; and the raw socket, which has none, delivers no message that is not in one."""
    told = test_sockjs.Told()
    async with sockjs(told) as port:
        async with await connect(port, "/echo/0/1/websocket", ALICE) as ws:
            assert await ws.text() == "o"
            ws.send(json.dumps([KICK]))
            ws.send(json.dumps([SAY]))
            assert await ws.text() == f"a{json.dumps([SAY])}".replace(", ", ",")
        async with await connect(port, "/echo/websocket", ALICE) as ws:
            ws.send(KICK)
            ws.send(SAY)
            await ws.close()
    assert told.heard == [SAY]


async def test_bodies_of_socketio() -> None:
    """A body is refused as a whole if one of its packets is."""
    told: list[Any] = []
    app, server = test_socketio.application(told)
    try:
        async with serving(app, door("/socket.io/", SOCKETIO)) as at:
            path = await test_socketio.enter(at.port, ALICE)
            kick = b'42["say","a"]\x1e42["kick","b"]'
            assert (await send(at.port, "POST", path, ALICE, body=kick)).status == 403
            path = await test_socketio.enter(at.port, ALICE)
            body = b'451-["up",{"_placeholder":true,"num":0}]'
            assert (await send(at.port, "POST", path, ALICE, body=body)).status == 400
            body = b'42["say","c"]'
            assert (await send(at.port, "POST", path, ALICE, body=body)).status == 200
            await until(lambda: ("say", "c") in told)
            socket = "/socket.io/?EIO=4&transport=websocket"
            async with await connect(at.port, socket, ALICE) as ws:
                await ws.text()
                ws.send("40")
                await ws.text()
                for one in ('42["kick"]', '4"2[\\"say\\",\\"e\\"]"', '42["say","d"]'):
                    ws.send(one)
                await until(lambda: ("say", "d") in told)
    finally:
        await server.shutdown()
    assert [one for one in told if one[0] in {"say", "kick"}] == [("say", "c"), ("say", "d")]


class Poll(RequestHandler):
    """Carries a conversation in JSON."""

    def post(self) -> None:
        self.settings["heard"].append(self.request.body)
        self.finish({"sid": "s1"})

    put = post


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_declared_transport(method: str) -> None:
    """Each body that is not empty is read, with every method."""
    guard = make_door(
        protection=Protection(
            permission="chat:connect",
            transports={"/poll": SessionOf("none")},
            messages={
                "/poll": MessagePermissions(
                    format="json", type="/type", permissions={"say": "chat:say"}
                )
            },
        )
    )
    heard: list[bytes] = []
    async with serving([("/poll", Poll)], guard, heard=heard) as at:
        for body, status in ((SAY, 200), (KICK, 403), ("{", 400)):
            answer = await send(at.port, method, "/poll", ALICE, body=body.encode())
            assert answer.status == status
        async with await request(at.port, "/poll", ALICE, method=method, upgrade=False) as answer:
            assert answer.status == 200
    assert heard == [SAY.encode(), b""]


async def test_a_refused_body_that_closes() -> None:
    """With `refused = "close"`, the TCP connection of the request ends."""
    messages = MessagePermissions(format="json", type="/type", default="chat:kick", refused="close")
    protection = Protection(
        permission="chat:connect",
        transports={"/poll": SessionOf("none")},
        messages={"/poll": messages},
    )
    heard: list[bytes] = []
    async with serving([("/poll", Poll)], make_door(protection=protection), heard=heard) as at:
        wire = await dial(at.port)
        wire.raw(b"POST /poll HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer alice\r\n")
        wire.raw(b"Content-Length: 14\r\n\r\n" + SAY.replace(" ", "").encode())
        assert await until_cut(wire) == b""
        await wire.hang_up()
    assert heard == []
