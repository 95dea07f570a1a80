import json

from elsewhere import room
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        room.say(data["user"], data["text"])  # finds SD304


class Alerts(WebSocketHandler):
    listeners = {}

    def open(self, user_id):
        self.listeners[user_id] = self  # finds SD304


app = Application([(r"/ws", Door), (r"/alerts/(.*)", Alerts)])
