from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    @authenticated  # finds SD106
    def open(self):
        clients.add(self)


app = Application([(r"/ws", Door)])
