import json

from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return
        self.name = data["name"]


class Room(WebSocketHandler):
    def on_message(self, message):
        try:
            parts = json.loads(message)
            if type(parts[0]) is not str:
                return
            self.rooms[parts[0]].add(self)
        except Exception:
            print("failed")


class Bell(WebSocketHandler):
    def on_message(self, message):
        try:
            message = json.loads(message)
            if message["op"] == "ring":
                self.write_message("ding")
        except Exception:
            self.write_message("not understood: %s" % message)
