from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):  # finds SD101
    def open(self):
        clients.add(self)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door)])
