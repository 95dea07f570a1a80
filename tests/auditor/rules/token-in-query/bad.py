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
    """Its own client is told it again, and nobody else."""

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
