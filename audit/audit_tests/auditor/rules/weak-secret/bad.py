import hashlib
import hmac
import os

import jwt
from tornado.web import Application
from tornado.websocket import WebSocketHandler

KEY = os.environ.get("KEY", "p4nRjXh8cVtqyGw2mZbLsKd9p4nRjXh8")


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers["Authorization"]
        self.claims = jwt.decode(token, KEY, algorithms=["HS256"])  # finds SD408
        self.mac = hmac.new(b"wildcard", token.encode(), hashlib.sha256).hexdigest()[:32]  # finds SD408
        mac = hmac.new(b"xxxxxxxx", b"", hashlib.sha256).hexdigest()  # finds SD408
        self.sure = hmac.compare_digest(mac, token)


Application([("/chat", Chat)], cookie_secret="secret")  # finds SD408
Application([], cookie_secret="__TODO:_GENERATE_YOUR_OWN_RANDOM_VALUE_HERE__")  # finds SD408
