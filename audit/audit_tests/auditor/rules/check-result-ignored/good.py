import logging

from elsewhere import rooms, sessions
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def prepare(self):
        if not sessions.is_valid_token(self.get_argument("token")):
            raise HTTPError(401)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Hall(WebSocketHandler):
    def open(self):
        logging.info("%s is there", self.get_secure_cookie("user"))
        rooms.user_in(self.get_secure_cookie("user"), self.write_message)
        self.session = sessions.find(self.get_argument("token"))
        self.session.setdefault("version", 1)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Listening(WebSocketHandler):
    """Handler that registers itself; `login` here takes no credential."""

    def open(self):
        self.application.register.login(self.tell)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)

    def tell(self, message):
        self.write_message(message)


app = Application([(r"/ws", Door), (r"/hall", Hall), (r"/listening", Listening)])
