import hmac
import os

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

API_TOKEN = os.environ["API_TOKEN"]


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("X-Token")
        if token == "" or not hmac.compare_digest(token or "", API_TOKEN):
            raise HTTPError(401)

    def on_message(self, message):
        kind, token = parse(message)
        if kind == "token" and token == self.last:
            self.write_message("ok")


class ByAddress(WebSocketHandler):
    """A part of the address is a text, and has no token: nothing is compared."""

    def open(self, token):
        for known in allowed:
            if known.token == token.token:
                self.known = known
                return
        self.close()


allowed = []


def parse(message):
    return message.split(" ")
