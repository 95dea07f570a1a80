from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD203
        return origin.endswith("app.example")


app = Application([(r"/ws", Door)])
