from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return origin.endswith(".app.example") and origin.startswith("https://")


app = Application([(r"/ws", Door)])
