import re

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD205
        return re.fullmatch("https://app.example", origin) is not None


app = Application([(r"/ws", Door)])
