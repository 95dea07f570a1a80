"""Prices for subscribers."""

import asyncio
import hashlib
import json
import os

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class PriceFeed(WebSocketHandler):
    def initialize(self, subscribers, symbols):
        self.subscribers = subscribers
        self.symbols = symbols
        self.wanted = set()

    def presented(self):
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hashlib.sha256(token.encode()).hexdigest() if token else None

    async def prepare(self):
        self.subscriber = self.subscribers.get(self.presented())
        if self.subscriber is None:
            raise HTTPError(401)

    def open(self):
        self.task = asyncio.get_running_loop().create_task(self.push())

    async def push(self):
        while True:
            await self.write_message({name: self.symbols[name] for name in sorted(self.wanted)})
            await asyncio.sleep(1)

    def on_message(self, message):
        self.wanted = set(json.loads(message)["symbols"]) & set(self.symbols)

    def on_close(self):
        self.task.cancel()


def make_app(subscribers, symbols):
    return Application([("/prices", PriceFeed, {"subscribers": subscribers, "symbols": symbols})])


async def main():
    with open(os.environ["SUBSCRIBERS"]) as file:
        subscribers = json.load(file)
    make_app(subscribers, {"ACME": 101.5, "INITECH": 12.0}).listen(8300)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
