import asyncio

from tornado.websocket import WebSocketHandler

taken = {}
rooms = {}
listeners = set()
lock = asyncio.Lock()


class Seats(WebSocketHandler):
    seen = ()

    async def on_message(self, message):
        async with lock:
            if message not in taken:
                await asyncio.sleep(1)
                taken[message] = self
        if message not in taken:
            taken[message] = self
            await asyncio.sleep(1)
        if self.ready:
            await asyncio.sleep(1)
            self.ready = False
        if message not in rooms:
            rooms[message] = await self.load(message)
        if message in self.seen:
            await asyncio.sleep(1)
            self.seen.discard(message)
        if message not in taken:
            try:
                await self.sell(message)
            except ValueError:
                del taken[message]
        if message in rooms:
            await asyncio.sleep(1)
        taken[message] = self

    ready = False

    def initialize(self):
        self.seen = set()

    async def open(self):
        if len(listeners) < 10:
            await asyncio.sleep(1)
            if len(listeners) < 10:
                listeners.add(self)
        await self.claim("1")
        await self.leave()
        found = {}
        if "a" not in found:
            await asyncio.sleep(1)
            found["a"] = 1

    async def claim(self, message):
        if message in taken:
            return
        else:
            taken[message] = None
        await asyncio.sleep(1)
        taken[message] = self

    async def leave(self):
        if self in listeners:
            await asyncio.sleep(1)
            listeners.discard(self)
