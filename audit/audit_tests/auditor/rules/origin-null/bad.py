from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD206
        return origin in {"https://app.example", "null"}


app = Application([(r"/ws", Door)])
