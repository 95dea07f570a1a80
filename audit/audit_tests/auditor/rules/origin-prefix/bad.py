from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD202
        return origin.startswith("https://app.example")


app = Application([(r"/ws", Door)])
