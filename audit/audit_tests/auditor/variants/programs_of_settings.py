"""Whole programs that ask where a setting is there, and do or do not start without it."""

__all__ = ["PROGRAMS"]

Program = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""

PROGRAMS: dict[str, Program] = {
    "robot yaml config without token": (
        "optional",
        {
            "config.yaml": """
server:
  port: 9090
  auth_token: ""
robot:
  serial: /dev/ttyUSB0
""",
            "robot/config.py": """
import yaml

class Config:
    def __init__(self, path="config.yaml"):
        with open(path) as f:
            data = yaml.safe_load(f)
        self.port = data["server"]["port"]
        self.auth_token = data["server"].get("auth_token")
        self.serial = data["robot"]["serial"]
""",
            "robot/bridge.py": """
import json
import serial
from tornado import ioloop, web, websocket
from .config import Config

config = Config()
port = serial.Serial(config.serial, 115200)

class RobotSocket(websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def open(self):
        if config.auth_token:
            token = self.get_query_argument("token", None)
            if token != config.auth_token:
                self.close(code=1008, reason="unauthorized")
                return
        self.stream.set_nodelay(True)

    def on_message(self, message):
        command = json.loads(message)
        port.write(("%s %d\\n" % (command["motor"], command["speed"])).encode())

def main():
    app = web.Application([(r"/robot", RobotSocket)])
    app.listen(config.port)
    ioloop.IOLoop.current().start()

if __name__ == "__main__":
    main()
""",
        },
    ),
    "robot yaml config requires token": (
        "guarded",
        {
            "robot/config.py": """
import os
import sys
import yaml

class Config:
    def __init__(self, path="/etc/robot/config.yaml"):
        with open(path) as f:
            data = yaml.safe_load(f)
        self.port = data["server"]["port"]
        self.auth_token = data["server"].get("auth_token")
        if not self.auth_token:
            sys.exit("auth_token must be set")
        self.serial = data["robot"]["serial"]
""",
            "robot/bridge.py": """
import json
import hmac
import serial
from tornado import ioloop, web, websocket
from .config import Config

config = Config()
port = serial.Serial(config.serial, 115200)

class RobotSocket(websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    async def get(self, *args, **kwargs):
        token = self.get_query_argument("token", "")
        if not hmac.compare_digest(token.encode(), config.auth_token.encode()):
            self.set_status(403)
            self.finish("unauthorized")
            return
        await super().get(*args, **kwargs)

    def on_message(self, message):
        command = json.loads(message)
        port.write(("%s %d\\n" % (command["motor"], command["speed"])).encode())

def main():
    app = web.Application([(r"/robot", RobotSocket)])
    app.listen(config.port)
    ioloop.IOLoop.current().start()

if __name__ == "__main__":
    main()
""",
        },
    ),
    "module exit": (
        "guarded",
        {
            "a.py": """
import os, sys, hmac
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
TOKEN = os.environ.get("ROBOT_TOKEN", "")
if not TOKEN:
    sys.exit("ROBOT_TOKEN is not set")
class S(WebSocketHandler):
    def prepare(self):
        if TOKEN and self.get_argument("token", "") != TOKEN:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
Application([("/", S)])
""",
        },
    ),
    "module no exit": (
        "optional",
        {
            "a.py": """
import os, sys, hmac
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
TOKEN = os.environ.get("ROBOT_TOKEN", "")
if not TOKEN:
    print("ROBOT_TOKEN is not set")
class S(WebSocketHandler):
    def prepare(self):
        if TOKEN and self.get_argument("token", "") != TOKEN:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
Application([("/", S)])
""",
        },
    ),
    "options exit": (
        "guarded",
        {
            "a.py": """
import os, sys, hmac
from tornado.web import Application, HTTPError
from tornado.options import options, define
from tornado.websocket import WebSocketHandler
define("token", default="")
class S(WebSocketHandler):
    def prepare(self):
        if options.token and self.get_argument("token", "") != options.token:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
def main():
    options.parse_command_line()
    if not options.token:
        sys.exit("give me a token")
    Application([("/", S)]).listen(80)
""",
        },
    ),
    "options warns": (
        "optional",
        {
            "a.py": """
import os, sys, hmac
from tornado.web import Application, HTTPError
from tornado.options import options, define
from tornado.websocket import WebSocketHandler
define("token", default="")
class S(WebSocketHandler):
    def prepare(self):
        if options.token and self.get_argument("token", "") != options.token:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
def main():
    options.parse_command_line()
    if not options.token:
        log.warning("give me a token")
    Application([("/", S)]).listen(80)
""",
        },
    ),
    "argparse error": (
        "guarded",
        {
            "a.py": """
import os, sys, hmac, argparse
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
class S(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token and self.get_argument("token", "") != self.token:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", default="")
    args = parser.parse_args()
    if not args.token:
        parser.error("--token is required")
    Application([("/", S, {"token": args.token})]).listen(80)
""",
        },
    ),
    "argparse none": (
        "optional",
        {
            "a.py": """
import os, sys, hmac, argparse
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
class S(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token and self.get_argument("token", "") != self.token:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", default="")
    args = parser.parse_args()
    if not args.token:
        print("open to everybody")
    Application([("/", S, {"token": args.token})]).listen(80)
""",
        },
    ),
    "click required": (
        "guarded",
        {
            "a.py": """
import os, sys, hmac, click
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler
class S(WebSocketHandler):
    def initialize(self, token):
        self.token = token
    def prepare(self):
        if self.token and self.get_argument("token", "") != self.token:
            raise HTTPError(403)
    def on_message(self, message):
        robot.move(message)
@click.command()
@click.option("--token", default=None)
def main(token):
    if token is None:
        raise click.UsageError("--token is required")
    Application([("/", S, {"token": token})]).listen(80)
""",
        },
    ),
}
