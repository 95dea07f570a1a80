import json

from elsewhere import documents, rooms
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler


class Known(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    @authenticated
    def get(self, *names):
        return super().get(*names)


class Rooms(Known):
    """One action asks for a role, and another one does the same without it."""

    def open(self):
        self.role = rooms.role_of(self.current_user)

    def on_message(self, message):
        data = json.loads(message)
        if data["do"] == "delete":
            if self.role != "moderator":
                return
            rooms.delete(data["room"])
        elif data["do"] == "rename":
            rooms.rename(data["room"], data["name"])  # finds SD301


class Denied(Known):
    """The client is told that it may not, and then it is done."""

    def on_message(self, message):
        data = json.loads(message)
        if not self.current_user.is_admin:
            self.write_message("for administrators")
        rooms.close(data["room"])  # finds SD301


class Claimed(Known):
    """The client writes its own role."""

    def on_message(self, message):
        data = json.loads(message)
        if data["role"] != "admin":
            return
        rooms.archive(data["room"])  # finds SD301


class Kernel(WebSocketHandler, JupyterHandler):  # finds SD301
    """The base has an authorizer."""

    async def get(self, name):
        if self.current_user is None:
            raise PermissionError
        await super().get(name)

    def open(self, name):
        self.document = documents.open_by_name(name)

    def on_message(self, message):
        self.document.change(message)


app = Application(
    [(r"/rooms", Rooms), (r"/denied", Denied), (r"/claimed", Claimed), (r"/kernel/(.*)", Kernel)]
)
