from elsewhere import drone, sessions
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Feed(WebSocketHandler):
    """Handler that looks the session of the cookie up, and does not use it."""

    def check_origin(self, origin):
        return True

    def open(self):
        self.session = sessions.SessionStore(self.get_cookie("sessionid"))

    def on_message(self, message):
        self.write_message({"height": drone.height()})


app = Application([(r"/ws", Door), (r"/feed", Feed)])
