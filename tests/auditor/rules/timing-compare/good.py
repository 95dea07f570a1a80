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


def parse(message):
    return message.split(" ")
