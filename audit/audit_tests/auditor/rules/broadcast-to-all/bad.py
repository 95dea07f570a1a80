from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

MEMBERS = set()


class Members(WebSocketHandler):
    def prepare(self):
        if not self.get_signed_cookie("user"):
            raise HTTPError(401)


class Chat(Members):
    def open(self):
        MEMBERS.add(self)

    def on_message(self, message):
        for member in list(MEMBERS):
            try:
                member.write_message(message)  # finds SD305
            except WebSocketClosedError:
                pass


class Feed(Members):
    waiters = set()

    def open(self):
        self.waiters.add(self)

    def on_message(self, message):
        self.tell_all(message)

    @classmethod
    def tell_all(cls, text):
        [one.write_message(text) for one in cls.waiters]  # finds SD305


app = Application([(r"/ws", Chat), (r"/feed", Feed)])
