from typing import ClassVar

from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from accounts import find, pictures, register


class Chat(WebSocketHandler):
    def prepare(self):
        self.room = self.get_argument("room")
        self.page_token_count = self.get_argument("token_count", "0")
        if find(self.request.headers.get("Authorization", "")) is None:
            raise HTTPError(401)


class Base(RequestHandler):
    """What only pages are asked: no socket comes to it."""

    def may_see_picture(self):
        return self.get_argument("access_token") in pictures


class Picture(Base):
    def get(self):
        if not self.may_see_picture():
            raise HTTPError(403)


class SignUp(WebSocketHandler, Base):
    def post(self):
        register(self.get_argument("name"), self.get_argument("password"))


class Named(WebSocketHandler):
    """Handler that sends the value to all clients, so it is no secret despite its name."""

    clients: ClassVar[dict[str, WebSocketHandler]] = {}

    def open(self):
        self.id = self.get_argument("user_token")
        self.clients[self.id] = self

    def on_close(self):
        del self.clients[self.id]
        self.tell_all("%s left the room" % self.id)

    def tell_all(self, text):
        for client in self.clients.values():
            client.write_message(text)
