"""The same budget: every field is looked at, its type and its range; nothing else is taken from a message."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"owner": "owner pays for the summer party", "guest": "guest brings the salad along"}
sheet = {"type": "sheet", "title": "Party", "limit": 1000, "lines": {"music": 400}}


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


class Sheet(WebSocketHandler):
    readers = set()

    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def open(self):
        Sheet.readers.add(self)
        self.write_message(sheet)

    def on_message(self, message):
        try:
            change = json.loads(message)
            line, amount = change["line"], change["amount"]
        except (ValueError, KeyError, TypeError):
            self.refuse()
            return
        if change.get("type") != "set" or not isinstance(line, str) or len(line) > 40:
            self.refuse()
        elif not isinstance(amount, (int, float)) or isinstance(amount, bool):
            self.refuse()
        elif amount < 0 or self.total(line) + amount > sheet["limit"]:
            self.refuse()
        else:
            sheet["lines"][line] = amount
            for one in Sheet.readers:
                one.write_message(json.dumps(sheet))

    def total(self, without):
        return sum(amount for line, amount in sheet["lines"].items() if line != without)

    def refuse(self):
        self.write_message({"type": "error", "error": "invalid"})

    def on_close(self):
        Sheet.readers.discard(self)


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/sheet", Sheet)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
        websocket_max_message_size=10_000,
    )
