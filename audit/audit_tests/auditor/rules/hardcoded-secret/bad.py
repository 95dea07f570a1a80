import hashlib
import hmac

import jwt
from tornado.web import Application
from tornado.websocket import WebSocketHandler

KEY = "p4nRjXh8cVtqyGw2mZbLsKd9p4nRjXh8"
settings = {"cookie_secret": "Zb81LsKd9qyGw2mp4nRjXh8cVtqyGw2m"}  # finds SD407


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers["Authorization"]
        self.claims = jwt.decode(token, KEY, algorithms=["HS256"])  # finds SD407
        self.mac = hmac.new(b"8cVtqyGw2mZbLsKd9p4nRjXh8", b"x", hashlib.sha256)  # finds SD407


Application([("/chat", Chat)], **settings)
Application([], cookie_secret="mZbLsKd9qyGw2p4nRjXh8cVt")  # finds SD407
