"""python-socketio: the WebSocket, and polling."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection

from tests.world.application import (
    Application,
    Burst,
    Channel,
    Conversation,
    OwnClient,
    Recipe,
    files_of_page,
    run,
)
from tests.world.client import Client, FailedError, RefusedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]

_PATH = "/socket.io/?EIO=4&transport="


async def _websocket(owner: Client) -> tuple[str, Sequence[str]]:
    return f"{_PATH}websocket", ()


async def _greet(socket: ClientConnection) -> None:
    await answer_of(socket, '0{"sid"')
    await socket.send("40")
    await answer_of(socket, '40{"sid"')


async def _say(socket: ClientConnection) -> None:
    text = secrets.token_hex(8)
    await socket.send(f'42["say","{text}"]')
    await answer_of(socket, f'42["said","{text}"]')


async def _typing(socket: ClientConnection) -> None:
    for _ in range(300):
        await _say(socket)


@dataclass(slots=True)
class _Polling:
    """A session over polling."""

    client: Client
    path: str

    async def poll(self) -> str:
        answer = await self.client.request("GET", self.path)
        if answer.status_code != 200:
            raise FailedError(f"poll: {answer.status_code} {answer.text[:200]}")
        return answer.text

    async def post(self, text: str) -> None:
        answer = await self.client.request(
            "POST", self.path, text, {"Content-Type": "text/plain;charset=UTF-8"}
        )
        if answer.status_code != 200:
            raise FailedError(f"post: {answer.status_code} {answer.text[:200]}")

    async def exchange(self) -> None:
        text = secrets.token_hex(8)
        await self.post(f'42["say","{text}"]')
        for _ in range(5):
            if f'42["said","{text}"]' in await self.poll():
                return
        raise FailedError("no answer over polling")

    async def ended(self) -> str:
        while True:
            try:
                answer = await self.client.request("GET", self.path)
            except FailedError:  # cut off while it waited; the next request tells why
                continue
            if answer.status_code != 200:
                return str(answer.status_code)
            # The server's ping wants an answer; else the application ends the session by itself.
            if answer.text.startswith("2"):
                await self.client.request("POST", self.path, "3")

    async def close(self) -> None:
        await self.client.request("POST", self.path, "1")


async def _polling(owner: Client, client: Client) -> Conversation:
    answer = await client.request("GET", f"{_PATH}polling")
    if answer.status_code != 200:
        raise RefusedError(answer.status_code)
    one = _Polling(client, f"{_PATH}polling&sid={json.loads(answer.text[1:])['sid']}")
    await one.post("40")
    if not (await one.poll()).startswith("40"):
        raise FailedError("the session does not begin")
    return one


async def _many(client: Client, conversation: Conversation) -> None:
    for _ in range(60):
        await conversation.exchange()


_PROGRAM = """
import asyncio
import os

import socketio


async def main():
    async with socketio.AsyncSimpleClient() as client:
        address = "http://127.0.0.1:8888"
        headers = {"Origin": address, "Cookie": os.environ["STORMDOOR_COOKIE"]}
        await client.connect(address, headers=headers)
        await client.emit("say", "hello")
        assert await client.receive(timeout=20) == ["said", "hello"]


asyncio.run(main())
"""

_FILES = files_of_page("guard-socketio")

APPLICATION = Application(
    name="socketio",
    packages=["python-socketio", "python-engineio"],
    plain=Recipe({"app.py": _FILES["app.py"]}, ["python", "app.py"]),
    guarded=run(_FILES, ["python", "app.py"]),
    channels=[
        socket_channel("websocket", _websocket, _say, _greet, messages_300=_typing),
        Channel("polling", _polling, [Burst("60 messages", _many)]),
    ],
    own_client=OwnClient(_PROGRAM),
)
