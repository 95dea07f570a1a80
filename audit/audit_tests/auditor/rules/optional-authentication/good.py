from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def prepare(self):
        if not self.settings.get("insecure_no_auth", False) and not self.current_user:
            raise HTTPError(401)

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


OPTIONS = {"insecure_cookie": False}


class Late(WebSocketHandler):
    def who(self):
        if OPTIONS["insecure_cookie"]:
            return self.get_cookie("user")
        return self.get_secure_cookie("user")

    def open(self):
        self.name = self.who()
        if not self.name:
            self.close()
            return
        if not self.get_secure_cookie("rank"):
            self.close()
            return
        clients.add(self)

    def on_message(self, message):
        if self.name:
            for one in clients:
                one.write_message(message)


app = Application([(r"/ws", Door), (r"/late", Late)])
