from urllib.parse import urlparse

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD207
        return urlparse(origin).hostname == "app.example"


app = Application([(r"/ws", Door)])
