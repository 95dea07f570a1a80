import json
import asyncio
import os
import subprocess
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        subprocess.run("ping " + data["host"], shell=True)  # finds SD505
        os.system(f"ping {data['host']}")  # finds SD505
        await asyncio.create_subprocess_shell(data["command"])  # finds SD505
        subprocess.Popen(data["command"])  # finds SD505
        subprocess.run([data["program"], "-v"])  # finds SD505
        count = int(data["count"])
        os.system(f"ping -c {count} {data['host']}")  # finds SD505
