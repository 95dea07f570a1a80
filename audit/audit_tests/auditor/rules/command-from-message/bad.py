import argparse
import json
import asyncio
import os
import re
import subprocess
from elsewhere import pool
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
        subprocess.run(["bash", "-lc", data["command"]])  # finds SD505
        await asyncio.create_subprocess_exec("sh", "-c", data["command"])  # finds SD505
        words = argparse.ArgumentParser().parse_args(message.split())
        os.system("ping " + words.host)  # finds SD505
        os.system("ping " + self.find(data["host"]))  # finds SD505
        [os.system("ping " + one) for one in data["hosts"]]  # finds SD505
        if re.fullmatch(r"host .+", data["line"]):
            os.system("ping " + data["line"])  # finds SD505
        count = int(data["count"])
        os.system(f"ping -c {count} {data['host']}")  # finds SD505

    def find(self, host):
        return host.strip()


class Later(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        self.host = "localhost"
        setattr(self, data["key"], data["value"])
        host = data["host"]
        if host.isalnum():
            host = data["other"]
            os.system("ping " + host)  # finds SD505
        match data:
            case {"host": "any", **rest}:
                os.system("ping " + rest["host"])  # finds SD505


class Named(WebSocketHandler):
    """Handler that calls the function that the client names."""

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        getattr(self, data["action"])(data)

    def run(self, data):
        os.system(data["command"])  # finds SD505


def ping(host):
    os.system("ping -c1 " + host)  # finds SD505


def look_up(host):
    os.system("host " + host)  # finds SD505


wanted = "localhost"


def trace():
    os.system("tracepath " + wanted)  # finds SD505


class HandedOn(WebSocketHandler):
    """A function that is handed on is given what stands behind it; what another sets is set."""

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        def note():
            global wanted
            wanted = message

        await asyncio.get_event_loop().run_in_executor(None, ping, message)
        pool.submit(look_up, message)
        note()
        trace()
