import hashlib
import hmac
import os

import jwt
from tornado.web import Application
from tornado.websocket import WebSocketHandler

KEY = os.environ["KEY"]
PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""


class Chat(WebSocketHandler):
    def prepare(self):
        token = self.request.headers["Authorization"]
        self.claims = jwt.decode(token, KEY, algorithms=["HS256"])
        self.others = jwt.decode(token, PUBLIC, algorithms=["EdDSA"])
        self.mac = hmac.new(KEY.encode(), b"x", hashlib.sha256)


Application([("/chat", Chat)], cookie_secret=os.environ["COOKIE_SECRET"])
