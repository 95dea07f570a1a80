from tornado.web import Application, HTTPError, authenticated
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


class Known(Door):
    def prepare(self):
        pass

    @authenticated
    def open(self):
        clients.add(self)

    def get_current_user(self):
        if self.application.logins.check_login(self.get_signed_cookie("session")):
            return True


class Early(Known):
    def get_current_user(self):
        user = self.get_signed_cookie("user")
        if not user:
            return None
        return "somebody"


class Unasked(WebSocketHandler):
    """Nothing rests on its user."""

    def get_current_user(self):
        return "guest"

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


class Logins:
    def check_login(self, session):
        try:
            return session.split("$")[1] == self.right
        except AttributeError:
            return False


app = Application([(r"/ws", Door), (r"/known", Known), (r"/early", Early), (r"/unasked", Unasked)])
app.logins = Logins()
