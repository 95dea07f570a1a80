from typing import ClassVar

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from accounts import find


class Chat(WebSocketHandler):
    def prepare(self):
        if find(self.get_argument("access_token")) is None:  # finds SD401
            raise HTTPError(401)


class Feed(WebSocketHandler):
    def shown(self):
        return self.request.query_arguments["api_key"][0]  # finds SD401

    def prepare(self):
        if find(self.shown()) is None:
            raise HTTPError(401)


class Repeated(WebSocketHandler):
    """Handler that repeats the token to its own client only."""

    clients: ClassVar[set[WebSocketHandler]] = set()

    def open(self):
        self.token = self.get_argument("token")  # finds SD401
        if find(self.token) is None:
            self.close()
            return
        self.clients.add(self)
        self.write_message({"token": self.token})
        for client in self.clients:
            client.write_message("somebody came")


class LookedUp(WebSocketHandler):
    """Others are told who it is, and not by which token that was found."""

    clients: ClassVar[set[WebSocketHandler]] = set()
    names: ClassVar[dict[str, str]] = {}

    def open(self):
        self.token = self.get_argument("token")  # finds SD401
        self.key = self.get_argument("api_key")  # finds SD401
        self.clients.add(self)

    def on_message(self, message):
        for client in self.clients:
            client.write_message(f"{self.names[self.token]}, {find(self.key)}: {message}")
