import subprocess
import time

import requests
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    async def on_message(self, message):
        time.sleep(1)  # finds SD607
        self.ask()

    def ask(self):
        requests.get("https://api.example/")  # finds SD607
        subprocess.run(["ls"], check=False)  # finds SD607
