import json

from elsewhere import procedures
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        call = json.loads(message)
        getattr(self, call["action"])(call["arguments"])  # finds SD302


class Looking(WebSocketHandler):
    """That there is such a thing is known before anybody has asked whether it is meant."""

    def on_message(self, message):
        call = json.loads(message)
        if call["name"] not in dir(procedures):
            return
        if callable(getattr(procedures, call["name"])):  # finds SD302
            getattr(procedures, call["name"])(call["arguments"])


app = Application([(r"/ws", Door), (r"/looking", Looking)])
