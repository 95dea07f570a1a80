import json

from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)  # finds SD501
        self.rename(data["name"])

    def rename(self, name):
        self.name = name


class Room(WebSocketHandler):
    def initialize(self, rooms):
        self.rooms = rooms if isinstance(rooms, dict) else {}

    def on_message(self, message):
        if isinstance(message, bytes):
            message = message.decode()
        try:
            self.rooms[json.loads(message)["room"]].add(self)  # finds SD501
        except Exception as error:
            print(type(self).__name__, type(error).__name__)
