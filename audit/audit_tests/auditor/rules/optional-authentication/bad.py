from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def prepare(self):
        if self.settings.get("auth_enabled", False) and not self.current_user:  # finds SD103
            raise HTTPError(401)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door)])
