import hashlib
import hmac
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

    def part_of(self, blob):
        return "blob-" + hmac.new(b"wildcard", blob, hashlib.md5).hexdigest()[:12]

    def order(self, text):
        signed = hmac.new(EXCHANGE_SECRET, text, hashlib.sha256).hexdigest()
        return {"sign": signed, "text": text}


EXCHANGE_SECRET = b"YYYY"

Application([("/chat", Chat)], cookie_secret=os.environ.get("COOKIE_SECRET") or secrets.token_hex(32))
Application([], cookie_secret=os.environ.get("COOKIE_SECRET", ""))
