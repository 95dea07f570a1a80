import json

from elsewhere import documents
from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self, name):
        return super().get(name)

    def open(self, name):
        self.document = documents.open_by_name(name)  # finds SD301

    def on_message(self, message):
        self.document.change(message)


class Named(WebSocketHandler):
    """The names are meant for clients; whoever connects says one."""

    def on_message(self, message):
        call = json.loads(message)
        getattr(self, f"command_{call['command']}")(call)  # finds SD301

    def command_status(self, call):
        self.write_message(documents.status())


app = Application([(r"/ws", Door), (r"/named", Named)])
