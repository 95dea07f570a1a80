import asyncio
import time

import requests
from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def initialize(self, requests):
        self.requests = requests

    async def on_message(self, message):
        await self.requests.put(message)
        self.turn()
        await asyncio.sleep(1)
        await IOLoop.current().run_in_executor(None, requests.get, "https://api.example/")
        await asyncio.to_thread(self.work)

    def work(self):
        time.sleep(1)

    def turn(self):
        self.application.motor.write(b"left")
        time.sleep(0.005)
