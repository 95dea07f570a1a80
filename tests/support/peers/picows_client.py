"""The client of picows says what it is told to, and prints what it hears: see `__init__.py`."""

import asyncio
import base64
import json
import os
import sys
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


class Listener(WSListener):
    """Says everything at once, hears as much, and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.code: int | None = None
        self.messages = json.loads(os.environ["MESSAGES"])

    def on_ws_connected(self, transport: WSTransport) -> None:
        for kind, text in self.messages:
            if kind == "text":
                transport.send(WSMsgType.TEXT, text.encode())
            else:
                transport.send(WSMsgType.BINARY, base64.b64decode(text))
        transport.send(WSMsgType.TEXT, b"in ", fin=False)
        transport.send(WSMsgType.CONTINUATION, b"three ", fin=False)
        transport.send_ping(b"there?")
        transport.send(WSMsgType.CONTINUATION, b"parts", fin=True)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.TEXT:
            self.heard.append(["text", payload.decode()])
        elif frame.msg_type == WSMsgType.BINARY:
            self.heard.append(["binary", base64.b64encode(payload).decode()])
        elif frame.msg_type == WSMsgType.PONG:
            self.heard.append(["pong", payload.decode()])
        elif frame.msg_type == WSMsgType.CLOSE:
            self.code = frame.get_close_code()
            transport.disconnect()
        if len(self.heard) == len(self.messages) + 2:
            transport.send_close(4000, b"enough")


async def main(url: str, _compressed: str) -> None:
    """Until the server has hung up."""
    transport, listener = await ws_connect(
        Listener, url, extra_headers={"Authorization": "Bearer alice"}
    )
    async with asyncio.timeout(60):
        await transport.wait_disconnected()
    sys.stdout.write(json.dumps({"heard": listener.heard, "code": listener.code, "extensions": ""}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
