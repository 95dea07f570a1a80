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


KEY = open("key").read()


app = Application([(r"/ws", Door)])
