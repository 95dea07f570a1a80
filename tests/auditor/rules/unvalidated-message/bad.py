import json

from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)  # finds SD501
        self.rename(data["name"])

    def rename(self, name):
        self.name = name
