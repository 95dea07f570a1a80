from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)


app = Application([(r"/ws", Door)])
