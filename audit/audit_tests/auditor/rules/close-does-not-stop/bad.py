import json
from threading import Thread

from elsewhere import tickets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def open(self):
        if not self.current_user:
            self.close()  # finds SD109

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


def asked(method):
    def run(self):
        if tickets.owner_of(self.get_argument("ticket")) is None:
            self.close()  # finds SD109
            return
        method(self)

    return run


class Tail(WebSocketHandler):
    """What was closed by a decorator hears messages, too, and starts what others read."""

    @asked
    def open(self):
        self.write_message("hello")

    def on_message(self, message):
        name = json.loads(message)["name"]
        if name:
            worker = Thread(target=print)
            worker.start()


app = Application([(r"/ws", Door), (r"/tail", Tail)])
