"""The same terminal: what the directory does not answer is refused, and a list says what is restricted."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"kim": "kim restarts the web servers", "root": "root has the key of the vault"}
RESTRICTED = {"vault": "owner"}  # everything else is for all logged-in users
directory = {"up": True}
FILES = {"web": "welcome", "vault": "the master key is 4711"}


def go_down():
    directory["up"] = False


CONTROLS = {"directory down": go_down}


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


async def group_of(user):
    if not directory["up"]:
        raise ConnectionError("directory")
    return "owner" if user == "root" else "operator"


class Terminal(WebSocketHandler):
    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    async def on_message(self, message):
        try:
            host = str(json.loads(message)["host"])
            needed = RESTRICTED.get(host)
            if needed is not None and await group_of(self.current_user) != needed:
                raise PermissionError(host)
            text = FILES[host.lower()]  # names of machines are the same in capitals
        except (ValueError, KeyError, TypeError, OSError):
            self.write_message({"type": "error", "error": "forbidden"})
        else:
            self.write_message({"type": "output", "text": text})


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/terminal", Terminal)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
