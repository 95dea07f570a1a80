from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return "guest"  # finds SD107

    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Open(Door):
    def get_current_user(self):
        if not self.settings["login"]:
            return {"name": "anonymous"}  # finds SD107
        return self.get_signed_cookie("user")


class Guests(Door):
    def get_current_user(self):
        if not self.get_signed_cookie("user"):
            return "guest"  # finds SD107
        return "member"


app = Application([(r"/ws", Door), (r"/open", Open), (r"/guests", Guests)], login="")
