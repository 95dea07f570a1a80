from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return origin in {"https://app.example"}


app = Application([(r"/ws", Door)])
