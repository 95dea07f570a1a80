import asyncio

from tornado import gen
from tornado.websocket import WebSocketHandler

taken = {}
left = 5
listeners = set()


class Seats(WebSocketHandler):
    drawn = set()

    async def on_message(self, message):
        global left
        if message not in taken:
            await asyncio.sleep(1)
            taken[message] = self  # finds SD608
        if left > 0:
            await asyncio.sleep(1)
            left -= 1  # finds SD608

    async def sell(self, message):
        if message in taken:
            return
        try:
            await asyncio.sleep(1)
        finally:
            taken[message] = self  # finds SD608

    async def draw(self, message):
        if message not in self.drawn:
            await asyncio.sleep(1)
            self.drawn.add(message)  # finds SD608

    @gen.coroutine
    def listen(self):
        if len(listeners) >= 10:
            raise ValueError
        yield asyncio.sleep(1)
        listeners.add(self)  # finds SD608

    async def open(self):
        await self.sell("1")
        await self.listen()
        await self.draw("2")
        if "spring" in self.application.coupons:
            async with self.shop():
                del self.application.coupons["spring"]  # finds SD608
