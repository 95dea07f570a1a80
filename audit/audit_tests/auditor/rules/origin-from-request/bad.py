from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return origin == self.get_argument("origin")  # finds SD208


app = Application([(r"/ws", Door)])
