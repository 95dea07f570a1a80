"""Bokeh's protocol, for Bokeh and what is built on it: three text frames a message, and more for buffers."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.support.recording import read
from tests.world.client import Client, FailedError

__all__ = ["address_of", "change_nothing", "drag", "exchange", "greet", "model", "pull", "upload"]

_SECONDS = 60.0
_TOKEN = re.compile(r'"token":\s*"([^"]+)"')


def address_of(page: str) -> Callable[[Client], Coroutine[Any, Any, tuple[str, Sequence[str]]]]:
    """Return what fetches `page` as the owner and finds the token of its session."""

    async def address(owner: Client) -> tuple[str, Sequence[str]]:
        response = await owner.request("GET", page)
        found = _TOKEN.search(response.text)
        if found is None:
            raise FailedError(f"no token in the page: {response.status_code}")
        return f"{page}/ws", ("bokeh", found[1])

    return address


async def greet(socket: ClientConnection) -> None:
    """Await the acknowledgement with which the server begins."""
    await receive(socket, lambda header, content: header["msgtype"] == "ACK")


async def send(socket: ClientConnection, kind: str, content: dict[str, Any]) -> str:
    """Send a message and return its id."""
    id = secrets.token_hex(8)
    for part in ({"msgid": id, "msgtype": kind}, {}, content):
        await socket.send(json.dumps(part))
    return id


async def receive(socket: ClientConnection, until: Callable[[dict[str, Any], Any], bool]) -> Any:
    """Read messages until `until(header, content)`; return that content."""
    try:
        async with asyncio.timeout(_SECONDS):
            while True:
                header = json.loads(await socket.recv())
                await socket.recv()
                content = json.loads(await socket.recv())
                for _ in range(2 * header.get("num_buffers", 0)):
                    await socket.recv()
                if header.get("msgtype") == "ERROR":
                    raise FailedError(f"the application answers {content}")
                if until(header, content):
                    return content
    except TimeoutError:
        raise FailedError("no answer in Bokeh's protocol") from None


def _reply(id: str) -> Callable[[dict[str, Any], Any], bool]:
    return lambda header, content: header.get("reqid") == id


async def pull(socket: ClientConnection) -> Any:
    """Ask for the document and return it."""
    return (await receive(socket, _reply(await send(socket, "PULL-DOC-REQ", {}))))["doc"]


async def exchange(socket: ClientConnection) -> None:
    """Ask for the document."""
    if not (await pull(socket))["roots"]:
        raise FailedError("the document is empty")


def model(doc: Any, name: str) -> dict[str, Any]:
    """Return the first model of this name in a document."""
    found = _find(doc["roots"], name)
    if found is None:
        raise FailedError(f"no {name} in the document")
    return found


def _find(tree: Any, name: str) -> dict[str, Any] | None:
    if isinstance(tree, dict):
        if str(tree.get("name", "")).rpartition(".")[2] == name and "id" in tree:
            return tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for one in tree:
            if (found := _find(one, name)) is not None:
                return found
    return None


async def change(socket: ClientConnection, one: dict[str, Any], **values: Any) -> str:
    """Change attributes of a model, as the browser does; return the id of the message."""
    events = [
        {"kind": "ModelChanged", "model": {"id": one["id"]}, "attr": attr, "new": new}
        for attr, new in values.items()
    ]
    return await send(socket, "PATCH-DOC", {"events": events})


async def drag(socket: ClientConnection, name: str, attr: str, recording: str) -> None:
    """Change an attribute as often as the recorded user did, at the same times; every change arrives.

    The recorded client sends three frames for each message.
    """
    one = model(await pull(socket), name)
    times = [frame.at for frame in read(recording).frames if frame.sender == "client"]
    began = time.monotonic()
    sent: set[str] = set()
    done = asyncio.Event()

    async def listen() -> None:
        def answered(header: dict[str, Any], content: Any) -> bool:
            sent.discard(header.get("reqid", ""))
            return done.is_set() and not sent

        await receive(socket, answered)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            for count, at in enumerate(times[::3]):
                await asyncio.sleep(began + at - time.monotonic())
                if count == len(times[::3]) - 1:
                    done.set()
                sent.add(await change(socket, one, **{attr: count % 1000}))
    except* (FailedError, ConnectionClosed) as failed:
        raise failed.exceptions[0] from None


async def change_nothing(socket: ClientConnection, name: str, attr: str) -> None:
    """Drag a slider for 3 s as a viewer; the server keeps its own value, and the socket stays open.

    Raises:
        FailedError: The server took the change.
    """
    one = model(await pull(socket), name)
    before = one["attributes"][attr]
    for step in range(60):
        await change(socket, one, **{attr: before + 1 + step})
        await asyncio.sleep(0.05)
    after = model(await pull(socket), name)["attributes"][attr]
    if after != before:
        raise FailedError(f"a viewer changed {attr} from {before} to {after}")


async def upload(socket: ClientConnection, size: int, said: str, shown: str) -> None:
    """Upload a file of `size` bytes with FileInput; wait until the page shows `said`."""
    one = model(await pull(socket), "FileInput")
    value = base64.b64encode(bytes(size)).decode()
    await change(socket, one, filename="f.bin", mime_type="application/octet-stream", value=value)
    await receive(socket, lambda header, content: said in json.dumps(content))
