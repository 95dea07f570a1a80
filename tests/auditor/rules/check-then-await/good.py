import asyncio

from tornado.websocket import WebSocketHandler

taken = {}
lock = asyncio.Lock()


class Seats(WebSocketHandler):
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

    ready = False
