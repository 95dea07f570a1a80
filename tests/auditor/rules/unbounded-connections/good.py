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
