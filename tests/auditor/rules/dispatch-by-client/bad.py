import json

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        call = json.loads(message)
        getattr(self, call["action"])(call["arguments"])  # finds SD302


app = Application([(r"/ws", Door)])
