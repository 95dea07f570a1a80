from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Chat(WebSocketHandler):
    def prepare(self):
        if len(clients) >= 1000:
            raise HTTPError(503)

    def open(self):
        clients.add(self)

    def on_close(self):
        clients.discard(self)


class Room(WebSocketHandler):
    members = {}

    def open(self, name):
        if self.is_busy(name):
            self.close()
            return
        self.members[name].append(self)

    def is_busy(self, name):
        return len(self.members[name]) >= 8


class Hall(WebSocketHandler):
    def open(self):
        if self.application.max_clients:
            clients.add(self)
