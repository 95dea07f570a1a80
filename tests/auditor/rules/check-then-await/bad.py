import asyncio

from tornado.websocket import WebSocketHandler

taken = {}
left = 5


class Seats(WebSocketHandler):
    async def on_message(self, message):
        global left
        if message not in taken:
            await asyncio.sleep(1)
            taken[message] = self  # finds SD608
