import jwt

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def prepare(self):
        try:
            self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPError(401) from None

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Hall(WebSocketHandler):
    """Handler that every client may listen to; a token only identifies the client."""

    def prepare(self):
        self.claims = self.known(self.get_argument("token"))

    def known(self, token):
        try:
            return jwt.decode(token, KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Yard(WebSocketHandler):
    def prepare(self):
        try:
            self.server_is_there()
        except ConnectionError:
            pass

    def server_is_there(self):
        try:
            jwt.decode(open("token").read(), KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise ConnectionError from None

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


KEY = open("key").read()


app = Application([(r"/ws", Door), (r"/hall", Hall), (r"/yard", Yard)])
