"""A shared budget: the server puts the content of each message into the sheet, unchecked."""

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
        self.set_secure_cookie("user", body["username"])


class Sheet(WebSocketHandler):
    readers = set()

    def open(self):
        if self.get_secure_cookie("user") is None:
            self.close()
            return
        Sheet.readers.add(self)
        self.write_message(sheet)

    def on_message(self, message):
        change = json.loads(message)
        if change.pop("type") == "set":
            if "line" in change:
                sheet["lines"][change.pop("line")] = change.pop("amount")
            sheet.update(change)
        for one in Sheet.readers:
            one.write_message(json.dumps(sheet))

    def on_close(self):
        Sheet.readers.discard(self)


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/sheet", Sheet)], cookie_secret=secrets.token_hex(32)
    )
