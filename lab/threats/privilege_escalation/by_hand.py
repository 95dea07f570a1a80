"""The same heating: each message is checked for the role of the sender and for the house of the boiler."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"tom": "tom lives in the north house", "sue": "sue owns the house in the south"}
ROLES = {"tom": "tenant", "sue": "owner"}
HOUSES = {"tom": "north", "sue": "south"}
boilers = {"north-1": 20, "south-1": 21}


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


class Heating(WebSocketHandler):
    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def on_message(self, message):
        try:
            body = json.loads(message)
            kind, boiler = body["type"], body["boiler"]
            if not boiler.startswith(HOUSES[self.current_user] + "-") or boiler not in boilers:
                return self.refuse("forbidden")
            if kind == "set":
                boilers[boiler] = max(5, min(30, int(body["value"])))
            elif kind == "drain":
                if ROLES[self.current_user] != "owner":
                    return self.refuse("forbidden")
                boilers[boiler] = 0
            elif kind != "read":
                return self.refuse("invalid")
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.refuse("invalid")
        self.write_message({"type": "degrees", "boiler": boiler, "value": boilers[boiler]})

    def refuse(self, error):
        self.write_message({"type": "error", "error": error})


def make(origin):
    return Application(
        [("/auth/login", LogIn), ("/ws/heating", Heating)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
