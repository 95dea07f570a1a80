import json
import asyncio
import os
import subprocess
import shlex
from elsewhere import pool
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        subprocess.run(["ping", "-c1", "--", data["host"]])
        subprocess.run(["bash", "-c", "uptime"])
        subprocess.run(["python", "ping.py", "-c", data["host"]])
        [os.system(f"ping -c {int(one)} localhost") for one in data["counts"]]
        host = data["host"]
        if host.isalnum():
            host = host.lower()
            os.system("ping " + host)
        os.system("uptime")
        await asyncio.create_subprocess_exec("ping", data["host"])
        count = int(data["count"])
        os.system(f"ping -c {count} localhost")
        os.system("ping -c1 " + shlex.quote(data["host"]))


class Listed(WebSocketHandler):
    """What the client may name is listed, and this is not among it."""

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        if data["action"] in ("say", "leave"):
            getattr(self, data["action"])(data)

    def say(self, data):
        self.write_message(data["text"])

    def run(self, data):
        os.system(data["command"])

    def _run(self, data):
        os.system(data["command"])


def ping(host):
    os.system("ping -c1 " + host)


class HandedOn(WebSocketHandler):
    """Only what stands behind the function that is handed on is for it."""

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        await asyncio.get_event_loop().run_in_executor(None, ping, "localhost")
        await pool.submit(message, ping, "localhost")
