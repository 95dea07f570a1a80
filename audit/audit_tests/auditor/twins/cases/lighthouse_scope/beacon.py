import json
import os
import time

import jwt
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

LAMPS = {"skagen": {"on": False, "log": []}, "rubjerg": {"on": True, "log": []}}


class BeaconSocket(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("Authorization", "")[len("Bearer "):]
        try:
            self.claims = jwt.decode(token, os.environ["BEACON_KEY"], algorithms=["HS256"])
        except jwt.PyJWTError as error:
            raise HTTPError(401) from error

    def has(self, scope):
        return scope in self.claims.get("scope", "").split()

    def refuse(self, scope):
        self.write_message({"error": "insufficient_scope", "scope": scope})

    def on_message(self, message):
        order = json.loads(message)
        lamp = LAMPS.get(order.get("lamp"))
        if lamp is None:
            self.write_message({"error": "unknown lamp"})
            return
        if order["order"] == "state":
            self.write_message({"on": lamp["on"]})
            return
        if not self.has("lamp:switch"):
            self.refuse("lamp:switch")
            return
        if order["order"] == "switch":
            lamp["on"] = bool(order["on"])
        elif order["order"] == "clear":
            if not self.has("lamp:admin"):
                return self.refuse("lamp:admin")
            lamp["log"].clear()
        lamp["log"].append((time.time(), self.claims["sub"], order["order"]))
        self.write_message({"on": lamp["on"]})


def make_app():
    return Application([(r"/beacon", BeaconSocket)])


if __name__ == "__main__":
    make_app().listen(8408)
    IOLoop.current().start()
