import json

from elsewhere import sessions
from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    user = None

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.user = "someone"
        elif data["type"] == "say":
            for one in clients:
                one.write_message(data["text"])  # finds SD108


class Telling(WebSocketHandler):
    """What it is told there it did not say itself."""

    def open(self):
        self.known = False

    def on_message(self, message):
        data = json.loads(message)
        if data["type"] == "login":
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.known = True
        elif data["type"] == "list":
            self.write_message(sessions.of_everybody(data["page"]))  # finds SD108
        elif self.known:
            for one in clients:
                one.write_message(data["text"])


app = Application([(r"/ws", Door), (r"/telling", Telling)])
