"""The client of aiohttp says what it is told to, and prints what it hears: see `__init__.py`."""

import asyncio
import base64
import json
import os
import sys
from typing import Any

import aiohttp


async def main(url: str, compressed: str) -> None:
    """Says everything, hears as much, and closes."""
    heard: list[Any] = []
    messages = json.loads(os.environ["MESSAGES"])
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer alice"}) as session,
        session.ws_connect(
            url, autoping=False, compress=15 if compressed == "compressed" else 0
        ) as socket,
    ):
        for kind, text in messages:
            if kind == "text":
                await socket.send_str(text)
            else:
                await socket.send_bytes(base64.b64decode(text))
        # aiohttp cannot send fragments.
        await socket.ping(b"there?")
        await socket.send_str("in three parts")
        while len(heard) < len(messages) + 2:
            message = await socket.receive(timeout=30)
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    heard.append(["text", message.data])
                case aiohttp.WSMsgType.BINARY:
                    heard.append(["binary", base64.b64encode(message.data).decode()])
                case aiohttp.WSMsgType.PONG:
                    heard.append(["pong", message.data.decode()])
                case _:
                    break
        await socket.close(code=4000, message=b"enough")
        code, extensions = socket.close_code, "permessage-deflate" if socket.compress else ""
    sys.stdout.write(json.dumps({"heard": heard, "code": code, "extensions": extensions}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
