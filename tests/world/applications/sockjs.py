"""sockjs-tornado: the WebSocket, the raw WebSocket, and the transports over HTTP."""

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
    Recipe,
    files_of_page,
    run,
)
from tests.world.client import Client, FailedError, RefusedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]


async def _websocket(owner: Client) -> tuple[str, Sequence[str]]:
    return f"/echo/000/{secrets.token_hex(4)}/websocket", ()


async def _greet(socket: ClientConnection) -> None:
    await answer_of(socket, "o")


async def _echo(socket: ClientConnection) -> None:
    text = secrets.token_hex(8)
    await socket.send(json.dumps([text]))
    await answer_of(socket, f'a["{text}"]')


async def _raw(owner: Client) -> tuple[str, Sequence[str]]:
    return "/echo/websocket", ()


async def _echo_raw(socket: ClientConnection) -> None:
    text = secrets.token_hex(8)
    await socket.send(text)
    await answer_of(socket, text)


async def _typing(socket: ClientConnection) -> None:
    for _ in range(300):
        await _echo(socket)


@dataclass(slots=True)
class _Polling:
    """A session over `xhr` and `xhr_send`."""

    client: Client
    path: str

    async def exchange(self) -> None:
        text = secrets.token_hex(8)
        answer = await self.client.request("POST", f"{self.path}/xhr_send", json.dumps([text]))
        if answer.status_code != 204:
            raise FailedError(f"xhr_send: {answer.status_code} {answer.text[:200]}")
        for _ in range(3):
            answer = await self.client.request("POST", f"{self.path}/xhr")
            if answer.status_code != 200:
                raise FailedError(f"xhr: {answer.status_code} {answer.text[:200]}")
            if answer.text == f'a["{text}"]\n':
                return
        raise FailedError(f"xhr answers {answer.text[:200]!r}")

    async def ended(self) -> str:
        while True:
            try:
                answer = await self.client.request("POST", f"{self.path}/xhr")
            except FailedError:  # cut off while it waited; the next request tells why
                continue
            if answer.status_code != 200 or answer.text.startswith("c"):
                return f"{answer.status_code} {answer.text.strip()[:60]}"

    async def close(self) -> None:
        """The server forgets a session that is not polled."""


async def _polling(owner: Client, client: Client) -> Conversation:
    path = f"/echo/000/{secrets.token_hex(4)}"
    answer = await client.request("POST", f"{path}/xhr")
    if answer.status_code != 200:
        raise RefusedError(answer.status_code)
    if answer.text != "o\n":
        raise FailedError(f"the session does not begin: {answer.text[:200]!r}")
    return _Polling(client, path)


async def _many(client: Client, conversation: Conversation) -> None:
    for _ in range(60):
        await conversation.exchange()


_FILES = files_of_page("guard-sockjs")

APPLICATION = Application(
    name="sockjs",
    packages=["sockjs-tornado"],
    plain=Recipe({"app.py": _FILES["app.py"]}, ["python", "app.py"]),
    guarded=run(_FILES, ["python", "app.py"]),
    channels=[
        socket_channel("websocket", _websocket, _echo, _greet, messages_300=_typing),
        socket_channel("raw websocket", _raw, _echo_raw),
        Channel("xhr polling", _polling, [Burst("60 messages", _many)]),
    ],
    ready="/echo",
)
