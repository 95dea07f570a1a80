from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_cookie("user")  # finds SD110

    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door)])
