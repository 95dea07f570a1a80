"""Open a socket, send messages, print what comes back. The token, if any, is in TOKEN.

    python client.py ws://127.0.0.1:8888/chat '{"type": "say", "room": "lobby", "text": "hello"}'

It ends when nothing has come for a second; `--listen` makes it stay.
"""

import argparse
import asyncio
import os

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect


async def main(url: str, messages: list[str], *, origin: str | None, listen: bool) -> None:
    headers = {"Origin": origin} if origin else {}
    if token := os.environ.get("TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    try:
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
    except HTTPClientError as error:
        print(f"refused: {error.code} {error.message}")
        return
    except OSError as error:
        print(f"no server listens there: {error}")
        return
    for message in messages:
        await socket.write_message(message)
    try:
        while True:
            reply = await asyncio.wait_for(socket.read_message(), None if listen else 1.0)
            if reply is None:
                print(f"closed: {socket.close_code} {socket.close_reason or ''}")
                return
            print(reply if isinstance(reply, str) else repr(reply))
    except TimeoutError:
        socket.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Talk to a WebSocket.")
    parser.add_argument("url")
    parser.add_argument("messages", nargs="*")
    parser.add_argument("--origin", help="pretend to be a page of this origin")
    parser.add_argument("--listen", action="store_true", help="stay until the socket is closed")
    options = parser.parse_intermixed_args()
    asyncio.run(main(options.url, options.messages, origin=options.origin, listen=options.listen))
