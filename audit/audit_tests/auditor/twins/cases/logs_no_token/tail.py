"""Follow a log file from the browser."""

import asyncio
import hmac
import os
from collections import deque
from pathlib import Path

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler


class Follower:
    def __init__(self, path: Path, keep: int = 500) -> None:
        self.path = path
        self.lines: deque[str] = deque(maxlen=keep)
        self.listeners: set["TailHandler"] = set()

    async def run(self) -> None:
        with self.path.open(errors="replace") as stream:
            while True:
                line = stream.readline()
                if not line:
                    await asyncio.sleep(0.25)
                    continue
                self.lines.append(line)
                for listener in tuple(self.listeners):
                    try:
                        await listener.write_message(line)
                    except WebSocketClosedError:
                        self.listeners.discard(listener)


class TailHandler(WebSocketHandler):
    follower: Follower
    token: str

    def initialize(self, follower: Follower, token: str) -> None:
        self.follower = follower
        self.token = token

    async def prepare(self) -> None:
        given = self.request.headers.get("X-Log-Token")
        if given is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise HTTPError(403, reason="wrong token")

    async def open(self) -> None:
        for line in self.follower.lines:
            await self.write_message(line)
        self.follower.listeners.add(self)

    def on_message(self, message: str | bytes) -> None:
        pass

    def on_close(self) -> None:
        self.follower.listeners.discard(self)


def make_app(path: Path, token: str) -> tuple[Application, Follower]:
    follower = Follower(path)
    return Application([(r"/tail", TailHandler, {"follower": follower, "token": token})]), follower


async def main() -> None:
    app, follower = make_app(Path(os.environ["TAIL_FILE"]), os.environ["TAIL_TOKEN"])
    app.listen(8099)
    await follower.run()


if __name__ == "__main__":
    asyncio.run(main())
