from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def open(self):
        if not self.current_user:  # finds SD102
            raise HTTPError(401)
        clients.add(self)


app = Application([(r"/ws", Door)])
