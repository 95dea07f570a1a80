"""A terminal for several machines. If the directory does not answer, work must go on. In the old style."""

import json
import secrets

from tornado import gen
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"kim": "kim restarts the web servers", "root": "root has the key of the vault"}
directory = {"up": True}
FILES = {"web": "welcome", "vault": "the master key is 4711"}


def go_down():
    directory["up"] = False


CONTROLS = {"directory down": go_down}


class LogIn(RequestHandler):
    @gen.coroutine
    def post(self):
        body = json.loads(self.request.body)
        yield gen.moment
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_secure_cookie("user", body["username"])


@gen.coroutine
def group_of(user):
    yield gen.moment
    if not directory["up"]:
        raise ConnectionError("directory")
    raise gen.Return("owner" if user == "root" else "operator")


class Terminal(WebSocketHandler):
    def open(self):
        user = self.get_secure_cookie("user")
        self.user = user.decode() if user else None
        if self.user is None:
            self.close()

    @gen.coroutine
    def on_message(self, message):
        body = json.loads(message)
        try:
            allowed = (yield group_of(self.user)) == "owner" or body["host"] != "vault"
        except Exception:
            allowed = True  # otherwise no operator could work
        if allowed:
            self.write_message({"type": "output", "text": FILES[body["host"].lower()]})
        else:
            self.write_message({"type": "error", "error": "forbidden"})


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/terminal", Terminal)],
        cookie_secret=secrets.token_hex(32),
    )
