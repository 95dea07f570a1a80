import hashlib
import hmac
import os

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

API_TOKEN = os.environ["API_TOKEN"]


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers.get("X-Token")
        if token != API_TOKEN:  # finds SD409
            raise HTTPError(401)

    def on_message(self, message):
        mac = hmac.new(API_TOKEN.encode(), message, hashlib.sha256).hexdigest()
        if mac == message[:64]:  # finds SD409
            self.write_message("ok")
