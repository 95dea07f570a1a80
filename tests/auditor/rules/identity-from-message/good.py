import json

from elsewhere import room
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        room.say(self.current_user, data["text"])


app = Application([(r"/ws", Door)])
