import os
import secrets

import jwt
from tornado.web import Application
from tornado.websocket import WebSocketHandler

KEY = os.environ["KEY"]
ALGORITHM = os.environ.get("ALGORITHM", "HS256")


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers["Authorization"]
        self.claims = jwt.decode(token, KEY, algorithms=[ALGORITHM])


Application([("/chat", Chat)], cookie_secret=os.environ.get("COOKIE_SECRET") or secrets.token_hex(32))
Application([], cookie_secret=os.environ.get("COOKIE_SECRET", ""))
