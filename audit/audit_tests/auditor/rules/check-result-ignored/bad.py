from elsewhere import sessions
from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def prepare(self):
        sessions.is_valid_token(self.get_argument("token"))  # finds SD105

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Shown(WebSocketHandler):
    @property
    def token(self):
        return self.get_argument("token")

    def prepare(self):
        sessions.is_valid_token(self.token)  # finds SD105

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door), (r"/shown", Shown)])
