from elsewhere import room
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


class Named(WebSocketHandler):
    """Handler that refuses no client, and sends messages under the name in the cookie."""

    def check_origin(self, origin):
        return True

    def on_message(self, message):
        room.say(self.get_signed_cookie("name"), message)  # finds SD209


app = Application([(r"/ws", Door), (r"/named", Named)])
