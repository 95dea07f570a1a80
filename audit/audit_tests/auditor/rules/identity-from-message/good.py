import json

from elsewhere import room
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        room.say(self.current_user, data["text"])


class Alerts(WebSocketHandler):
    listeners = {}

    def open(self, user_id):
        self.write_message({"hello": user_id})
        self.listeners[self.current_user] = self


app = Application([(r"/ws", Door), (r"/alerts/(.*)", Alerts)])
