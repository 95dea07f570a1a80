"""Run one twin as a server in this process, and talk to it as a client."""

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, create_signed_value
from tornado.websocket import WebSocketClientConnection, websocket_connect

__all__ = ["SECRET", "Program", "loaded"]

SECRET = "a-secret-for-the-twins-that-is-long-enough"

REPLY_SECONDS = 60.0


class Program:
    """The modules of one twin, and a server for its application.

    Args:
        folder: Folder with the files of the twin, on the module path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: HTTPServer | None = None
        self._port = 0

    def module(self, name: str) -> ModuleType:
        """Import one of the twin's own files."""
        return importlib.import_module(name)

    def serve(self, application: Application) -> None:
        """Listen on a free port of the loopback interface."""
        socket, self._port = bind_unused_port()
        self._server = HTTPServer(application)
        self._server.add_socket(socket)

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.stop()

    async def connect(self, path: str, **headers: str) -> WebSocketClientConnection:
        """Open a WebSocket; `_` in the name of a header stands for `-`.

        Raises:
            HTTPClientError: The server refused the handshake.
        """
        url = f"ws://127.0.0.1:{self._port}{path}"
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await websocket_connect(HTTPRequest(url, headers=fields))

    async def status(self, path: str, **headers: str) -> int:
        """Return the status of the answer to a handshake."""
        try:
            (await self.connect(path, **headers)).close()
        except HTTPClientError as error:
            return int(error.code)
        return 101

    async def talk(self, path: str, *messages: Any, **headers: str) -> list[Any]:
        """Send each message and return the reply to each, decoded from JSON."""
        connection = await self.connect(path, **headers)
        replies = []
        for message in messages:
            await connection.write_message(
                message if isinstance(message, str) else json.dumps(message)
            )
            reply = await asyncio.wait_for(connection.read_message(), REPLY_SECONDS)
            replies.append(None if reply is None else json.loads(reply))
        connection.close()
        return replies

    @staticmethod
    def cookie(name: str, value: str) -> str:
        """Return a Cookie header with a value that the server's secret signs."""
        return f"{name}={create_signed_value(SECRET, name, value).decode()}"


@contextmanager
def loaded(folder: Path) -> Iterator[Program]:
    """Put the twin's folder on the module path, and take its modules away afterwards."""
    program = Program(folder)
    names = {path.stem for path in folder.glob("*.py")}
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield program
    finally:
        program.stop()
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
