import asyncio
import time

import requests
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    async def on_message(self, message):
        await asyncio.sleep(1)
        await IOLoop.current().run_in_executor(None, requests.get, "https://api.example/")
        await asyncio.to_thread(self.work)

    def work(self):
        time.sleep(1)
