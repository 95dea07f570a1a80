"""Clients that others wrote, on the fast protocol, with and without compression."""

from __future__ import annotations

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect
from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosedError

from tests.support.peers import CLIENTS, converse
from tests.tornado.test_fast_protocol import Compressing, Echo, at

MESSAGES: list[str | bytes] = ["", "x", "κόσμε" * 100, b"", b"\x00\xff" * 5000, "y" * 60_000]


@pytest.mark.parametrize("handler", [Echo, Compressing])
async def test_the_client_of_websockets(handler: type[Echo]) -> None:
    """Whole messages, fragments, pings, and the close."""
    async with at(handler) as (served, _):
        async with websockets_connect(
            f"ws://127.0.0.1:{served.port}/ws",
            additional_headers={"Authorization": "Bearer alice"},
            proxy=None,
        ) as client:
            for message in MESSAGES:
                await client.send(message)
                assert await client.recv() == message
            await client.send(["in ", "three ", "parts"])
            assert await client.recv() == "in three parts"
            await (await client.ping(b"there?"))
            await client.close(4000, "enough")
        assert (client.close_code, client.close_reason) == (4000, "")
        assert handler.told[-1] == ("close", 4000, "enough")


async def test_the_client_of_websockets_hears_why() -> None:
    """Cut off for a message that is too large: it gets the code, not a reset."""
    async with at(limits={"message_bytes": 1000}) as (served, _):
        async with websockets_connect(
            f"ws://127.0.0.1:{served.port}/ws",
            additional_headers={"Authorization": "Bearer alice"},
            compression=None,
            proxy=None,
        ) as client:
            await client.send("x" * 100_000)
            with pytest.raises(ConnectionClosedError) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009


@pytest.mark.parametrize("compression", [None, {}])
async def test_tornados_client(compression: dict[str, int] | None) -> None:
    """The same with Tornado's."""
    async with at(Compressing) as (served, _):
        request = HTTPRequest(
            f"ws://127.0.0.1:{served.port}/ws", headers={"Authorization": "Bearer alice"}
        )
        client = await websocket_connect(request, compression_options=compression)
        for message in MESSAGES:
            await client.write_message(message, binary=isinstance(message, bytes))
            assert await client.read_message() == message
        client.close(4000, "enough")
        assert await client.read_message() is None
        assert client.close_code == 4000


@pytest.mark.installs
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("handler", [Echo, Compressing])
async def test_clients_in_other_processes(client: str, handler: type[Echo]) -> None:
    """The same with those of aiohttp, of picows, and of Node: in order, with a ping between fragments."""
    async with at(handler) as (served, _):
        url = f"ws://127.0.0.1:{served.port}/ws"
        answer = await converse(client, url, MESSAGES, compressed=handler is Compressing)
        pong, said = ("pong", "there?"), [one for one in answer["heard"] if type(one) is not tuple]
        assert said == [*MESSAGES, "in three parts"]
        assert pong in answer["heard"]
        assert answer["code"] == 4000
        if client != "picows":  # it knows no extension
            assert ("permessage-deflate" in answer["extensions"]) is (handler is Compressing)
        assert handler.told[-1] == ("close", 4000, "enough")
