import json

from elsewhere import sessions
from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    user = None

    def on_message(self, message):
        data = json.loads(message)
        if self.user is None:
            if not sessions.verify(data["token"]):
                self.close()
                return
            self.user = "someone"
            return
        for one in clients:
            one.write_message(data["text"])


app = Application([(r"/ws", Door)])
