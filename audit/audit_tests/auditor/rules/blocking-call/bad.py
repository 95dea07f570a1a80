import subprocess
import time

import requests
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    async def on_message(self, message):
        time.sleep(1)  # finds SD607
        self.ask()
        self.wait()

    def wait(self):
        while not self.application.ready:
            time.sleep(0.005)  # finds SD607

    def ask(self):
        requests.get("https://api.example/")  # finds SD607
        subprocess.run(["ls"], check=False)  # finds SD607
