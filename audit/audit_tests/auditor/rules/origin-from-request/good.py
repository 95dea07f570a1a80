from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return origin == self.settings["origin"]


app = Application([(r"/ws", Door)])
