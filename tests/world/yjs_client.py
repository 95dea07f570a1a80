"""A client of a shared notebook, in the environment of the extension: `python yjs_client.py URL HEADERS`.

It reads one command in JSON a line, `["name", argument…]`, and prints one answer a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import (
    Awareness,
    Encoder,
    TransactionEvent,
    YMessageType,
    create_awareness_message,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    read_message,
)
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

_SECONDS = 30.0
_RAW = 2
_SYNC_STEP_2 = b"\x00\x01"


class _Notebook:
    """A copy of the notebook that follows the socket, and the user's own presence."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket
        self._notebook = YNotebook()
        self._awareness = Awareness(self._notebook.ydoc)
        self._applying = False
        self._synchronised = asyncio.Event()
        self._replies: asyncio.Queue[str] = asyncio.Queue()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._notebook.ydoc.observe(self._changed)

    def _changed(self, event: TransactionEvent) -> None:
        if not self._applying:
            self._send(create_update_message(event.update))

    def _send(self, message: bytes) -> None:
        self._socket.write_message(message, binary=True)

    async def follow(self) -> None:
        """Apply each message of the server until the socket ends."""
        while True:
            message = await self._socket.read_message()
            if message is None:
                self.closed.set_result(self._socket.close_code or 0)
                return
            assert isinstance(message, bytes)
            if message[0] == YMessageType.SYNC:
                self._applying = True
                reply = handle_sync_message(message[1:], self._notebook.ydoc)
                self._applying = False
                if reply is not None:
                    self._send(reply)
                if message.startswith(_SYNC_STEP_2):
                    self._synchronised.set()
            elif message[0] == YMessageType.AWARENESS:
                self._awareness.apply_awareness_update(read_message(message[1:]), "server")
            elif message[0] == _RAW:
                self._replies.put_nowait(read_message(message[1:]).decode())

    async def synchronise(self) -> None:
        """Ask for all that this copy lacks. The server answers after all earlier messages of this client."""
        self._synchronised.clear()
        self._send(create_sync_message(self._notebook.ydoc))
        async with asyncio.timeout(_SECONDS):
            await self._synchronised.wait()

    async def sources(self) -> list[str]:
        """Return the text of each cell, as the server has it."""
        await self.synchronise()
        return [str(cell["source"]) for cell in self._notebook.ycells]

    async def write(self, text: str) -> None:
        """Write into the first cell, in front."""
        self._notebook.ycells[0]["source"].insert(0, text)
        await self.synchronise()

    async def appear(self, name: str) -> None:
        """Tell the others a name."""
        self._awareness.set_local_state({"user": {"name": name}})
        known = self._awareness.encode_awareness_update([self._awareness.client_id])
        self._send(create_awareness_message(known))
        await self.synchronise()

    async def present(self) -> list[str]:
        """Return the names that the clients have told."""
        await self.synchronise()
        users = [one.get("user", {}) for one in self._awareness.states.values()]
        return sorted(str(one["name"]) for one in users if "name" in one)

    async def save(self) -> str:
        """Ask the server to save the file; return the state in its answer, or "none"."""
        encoder = Encoder()
        encoder.write_var_uint(_RAW)
        encoder.write_var_string("save")
        encoder.write_var_uint(1)
        self._send(encoder.to_bytes())
        await self.synchronise()
        try:
            async with asyncio.timeout(2):
                return str(json.loads(await self._replies.get())["status"])
        except TimeoutError:
            return "none"

    async def ended(self) -> int:
        """Wait until the server ends the socket; return the close code."""
        async with asyncio.timeout(_SECONDS):
            return await self.closed


def _answer(answer: Any) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


async def main(url: str, headers: str) -> None:
    """Open the socket and process commands until the input ends."""
    try:
        socket = await websocket_connect(HTTPRequest(url, headers=json.loads(headers)))
    except HTTPClientError as error:
        _answer(error.code)
        return
    notebook = _Notebook(socket)
    following = asyncio.create_task(notebook.follow())
    await notebook.synchronise()
    _answer(101)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *arguments = json.loads(line)
        _answer(await getattr(notebook, name)(*arguments))
    following.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
