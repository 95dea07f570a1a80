import jwt

from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def prepare(self):
        self.claims = None
        try:
            self.claims = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
        except jwt.InvalidTokenError:  # finds SD104
            pass

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


KEY = open("key").read()


app = Application([(r"/ws", Door)])
