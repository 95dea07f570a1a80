import json

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    actions = {"say": print}

    def on_message(self, message):
        call = json.loads(message)
        self.actions[call["action"]](call["arguments"])


app = Application([(r"/ws", Door)])
