from elsewhere import NotReadyError, chat, ticker
from server.handlers import ServerHandler
from sockjs.tornado import SockJSConnection, SockJSRouter
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


class Ticks(ServerHandler, WebSocketHandler):
    """Only who came through has what a message is about."""

    def open(self):
        if not self.current_user:
            self.close()
            return
        self.ticker = ticker.start(self.write_message)

    def on_message(self, message):
        if hasattr(self, "ticker"):
            self.ticker.stop()


class Ready(WebSocketHandler):
    """An exception that is made to be raised is no deed."""

    ready = False

    def get_current_user(self):
        return self.get_signed_cookie("user")

    def open(self):
        if not self.current_user:
            self.close()
            return
        self.ready = True

    def on_message(self, message):
        if not self.ready:
            raise NotReadyError("not yet: %s" % message)
        chat.say(message)


class Connection(SockJSConnection):
    """SockJS hands a session that it has closed nothing more."""

    def on_open(self, request):
        if not chat.verify_token(request.get_argument("token")):
            self.close()

    def on_message(self, message):
        chat.say(message)


app = Application(
    [
        (r"/ws", Door),
        (r"/ticks", Ticks),
        (r"/ready", Ready),
        *SockJSRouter(Connection, "/chat").urls,
    ]
)
