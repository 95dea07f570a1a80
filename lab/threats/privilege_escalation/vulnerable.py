"""Heating of two houses. Who is logged in may send everything; the page has no button for it."""

import json
import secrets

from tornado import gen
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"tom": "tom lives in the north house", "sue": "sue owns the house in the south"}
boilers = {"north-1": 20, "south-1": 21}


class LogIn(RequestHandler):
    @gen.coroutine
    def post(self):
        body = json.loads(self.request.body)
        yield gen.moment
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_secure_cookie("user", body["username"])


class Heating(WebSocketHandler):
    def open(self):
        self.user = self.get_secure_cookie("user")
        if not self.user:
            self.close()

    def on_message(self, message):
        body = json.loads(message)
        handler = getattr(self, "do_" + body["type"])
        self.write_message(handler(body))

    def do_read(self, body):
        return {"type": "degrees", "boiler": body["boiler"], "value": boilers[body["boiler"]]}

    def do_set(self, body):
        boilers[body["boiler"]] = body["value"]
        return self.do_read(body)

    def do_drain(self, body):
        """Only the owner's page has this button."""
        boilers[body["boiler"]] = 0
        return self.do_read(body)


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/heating", Heating)],
        cookie_secret=secrets.token_hex(32),
    )
