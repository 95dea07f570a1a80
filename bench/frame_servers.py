"""Servers that echo at `/`, for what judges frames: `python bench/frame_servers.py NAME` prints its port.

`by-hand` looks at nothing but the length of a frame, as a server written from the picture in RFC 6455 may.
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import sys

from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from websockets.asyncio.server import ServerConnection, serve

from stormdoor import Guard, GuardedHandler, Limits, TicketAuthenticator, protect, public

__all__: list[str] = []

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(WebSocketHandler):
    """As Tornado's own documentation begins."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, isinstance(message, bytes))


class Guarded(GuardedHandler):
    """The same behind stormdoor, open to all."""

    permission = public("it is measured how it reads frames")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, isinstance(message, bytes))


def _out(opcode: int, data: bytes) -> bytes:
    length = len(data)
    if length < 126:
        return bytes([0x80 | opcode, length]) + data
    return bytes([0x80 | opcode, 126]) + length.to_bytes(2) + data


async def by_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server of forty lines."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    given = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if not head.startswith("GET / "):
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    made = hashlib.sha1((given["Sec-WebSocket-Key"] + _MAGIC).encode()).digest()
    accept = base64.b64encode(made).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            first, second = await reader.readexactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
            key = await reader.readexactly(4 if second & 0x80 else 0)
            data = await reader.readexactly(length)
            plain = bytes(one ^ key[at % 4] for at, one in enumerate(data)) if key else data
            opcode = first & 0x0F
            if opcode == 8 and (not plain or plain[:2] in {b"\x03\xe8", b"\x03\xe9"}):
                writer.write(_out(8, plain))
                break
            if opcode in {1, 2, 9}:
                writer.write(_out(10 if opcode == 9 else opcode, plain))
    writer.close()


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main(name: str) -> None:
    """Serve, until standard input ends."""
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    async with contextlib.AsyncExitStack() as stack:
        if name == "by-hand":
            await stack.enter_async_context(await asyncio.start_server(by_hand, sock=sock))
        elif name == "websockets":
            await stack.enter_async_context(serve(_echo, sock=sock))
        else:
            application = Application([("/", Echo if name == "Tornado" else Guarded)])
            if name == "stormdoor":
                # The tool's sixty conversations come from one address, within seconds.
                limits = Limits(handshakes_per_address="1000/s burst 1000")
                guard = Guard(
                    origins=[f"http://127.0.0.1:{port}"],
                    authenticators=[TicketAuthenticator()],
                    limits=limits,
                )
                protect(application, guard)
            sock.setblocking(False)
            HTTPServer(application).add_sockets([sock])
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
