"""OctoPrint: the state of the printer, over a copy of SockJS of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection

from tests.world.application import Application, Channel, Conversation, Recipe, run
from tests.world.client import Client, FailedError, RefusedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]

_ASK = json.dumps([json.dumps({"auth": "no-member:no-session"})])
"""A login that OctoPrint answers; it needs no account of OctoPrint."""
_ANSWER = "reauthRequired"


async def _websocket(owner: Client) -> tuple[str, Sequence[str]]:
    return f"/sockjs/000/{secrets.token_hex(4)}/websocket", ()


async def _greet(socket: ClientConnection) -> None:
    await answer_of(socket, "connected")


async def _ask(socket: ClientConnection) -> None:
    await socket.send(_ASK)
    await answer_of(socket, _ANSWER)


async def _many(socket: ClientConnection) -> None:
    for _ in range(100):
        await _ask(socket)


@dataclass(slots=True)
class _Polling:
    """A session over `xhr` and `xhr_send`."""

    client: Client
    path: str

    async def exchange(self) -> None:
        sent = await self.client.request("POST", f"{self.path}/xhr_send", _ASK)
        if sent.status_code != 204:
            raise FailedError(f"xhr_send: {sent.status_code} {sent.text[:200]}")
        told = ""
        for _ in range(5):
            answer = await self.client.request("POST", f"{self.path}/xhr")
            if answer.status_code != 200:
                raise FailedError(f"xhr: {answer.status_code} {answer.text[:200]}")
            told = answer.text
            if _ANSWER in told:
                return
        raise FailedError(f"xhr answers {told[:200]!r}")

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
    path = f"/sockjs/000/{secrets.token_hex(4)}"
    answer = await client.request("POST", f"{path}/xhr")
    if answer.status_code != 200:
        raise RefusedError(answer.status_code)
    return _Polling(client, path)


_ARGUMENTS = [
    "serve",
    "--basedir",
    ".",
    "--host",
    "127.0.0.1",
    "--port",
    "8888",
    "--iknowwhatimdoing",
]

APPLICATION = Application(
    name="octoprint",
    packages=["octoprint"],
    plain=Recipe({}, ["octoprint", *_ARGUMENTS]),
    guarded=run({}, ["octoprint", *_ARGUMENTS], "--insecure-allow-http", "8888"),
    channels=[
        socket_channel("websocket", _websocket, _ask, _greet, messages_100=_many),
        Channel("xhr polling", _polling),
    ],
    ready="/online.txt",
)
