from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):  # finds SD204
        return "app.example" in origin


app = Application([(r"/ws", Door)])
