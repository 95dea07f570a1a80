import re

from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return re.fullmatch(r"https://app\.example", origin) is not None


app = Application([(r"/ws", Door)])
