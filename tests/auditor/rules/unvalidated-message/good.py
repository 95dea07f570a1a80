import json

from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return
        self.name = data["name"]
