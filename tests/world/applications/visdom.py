"""visdom: the page's socket, the client's socket, and polling."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.world.application import (
    Application,
    Burst,
    Channel,
    Conversation,
    OwnClient,
    Recipe,
    program_of_page,
    run,
)
from tests.world.client import Client, FailedError, RefusedError, answer_of
from tests.world.socket_channel import socket_channel

__all__ = ["APPLICATION"]


async def _page(owner: Client) -> tuple[str, Sequence[str]]:
    return "/socket", ()


async def _save_layout(socket: ClientConnection) -> None:
    layout = secrets.token_hex(8)
    await socket.send(json.dumps({"cmd": "save_layouts", "data": layout}))
    await answer_of(socket, layout)


async def _client(owner: Client) -> tuple[str, Sequence[str]]:
    return "/vis_socket", ()


async def _echo(socket: ClientConnection) -> None:
    text = secrets.token_hex(8)
    await socket.send(json.dumps({"cmd": "echo", "data": text}))
    await answer_of(socket, text)


async def _many(socket: ClientConnection) -> None:
    for _ in range(300):
        await _echo(socket)


@dataclass(slots=True)
class _Polling:
    """A session over `/socket_wrap`; that of `/vis_socket_wrap` fails in visdom 0.3.0 itself."""

    client: Client
    sid: str

    async def _ask(self, **asked: Any) -> Any:
        answer = await self.client.request(
            "POST", "/socket_wrap", json.dumps({"sid": self.sid, **asked})
        )
        if answer.status_code != 200:
            raise RefusedError(answer.status_code)
        return answer.json()

    async def exchange(self) -> None:
        text = secrets.token_hex(8)
        message = json.dumps({"cmd": "save_layouts", "data": text})
        sent = await self._ask(message_type="send", message=message)
        told = await self._ask(message_type="query")
        if not sent.get("success") or text not in json.dumps(told):
            raise FailedError(f"polling answers {told}")

    async def ended(self) -> str:
        try:
            while (await self._ask(message_type="query"))["success"]:
                pass
        except RefusedError as refused:
            return str(refused.status)
        return "closed"

    async def close(self) -> None:
        """The server forgets a session that is not polled."""


async def _polling(owner: Client, client: Client) -> Conversation:
    answer = await client.request("GET", "/socket_wrap")
    if answer.status_code != 200:
        raise RefusedError(answer.status_code)
    return _Polling(client, answer.json()["sid"])


async def _polls(client: Client, conversation: Conversation) -> None:
    for _ in range(60):
        await conversation.exchange()


_NO_DOWNLOAD = """\
import sys

if "visdom.server" in sys.orig_argv and "stormdoor" not in sys.orig_argv:
    from visdom.server import build

    build.download_scripts = lambda *arguments, **options: None
"""
"""visdom downloads scripts at each start, and ends where it cannot. Python loads this before it."""

_PROGRAM = """
import os

os.environ["VISDOM_KEY"] = os.environ["STORMDOOR_KEY"]
GUIDE

plots.text("from a program", win="told")
assert plots.win_exists("told")
""".replace("GUIDE", program_of_page("guard-visdom"))

_COMMAND = [
    "python",
    "-m",
    "visdom.server",
    "-port",
    "8888",
    "-bind_local",
    "-env_path",
    "plots/",
]
_FILES = {"sitecustomize.py": _NO_DOWNLOAD}

APPLICATION = Application(
    name="visdom",
    packages=["visdom"],
    plain=Recipe(_FILES, _COMMAND),
    guarded=run(_FILES, _COMMAND),
    channels=[
        socket_channel("page", _page, _save_layout),
        socket_channel("client", _client, _echo, messages_300=_many),
        Channel("polling", _polling, [Burst("60 messages", _polls)]),
    ],
    ready="/health",
    health="/health",
    own_client=OwnClient(_PROGRAM),
)
