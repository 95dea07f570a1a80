from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def check_origin(self, origin):
        return True

    def get_current_user(self):
        return self.get_signed_cookie("user")  # finds SD209

    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)


app = Application([(r"/ws", Door)])
