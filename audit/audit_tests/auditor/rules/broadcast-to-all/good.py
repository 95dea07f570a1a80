from elsewhere import may_hear
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

MEMBERS = set()
ROOMS = {}


class Members(WebSocketHandler):
    def prepare(self):
        self.user = self.get_signed_cookie("user")
        if not self.user:
            raise HTTPError(401)

    def open(self):
        MEMBERS.add(self)


class Asked(Members):
    def on_message(self, message):
        for member in MEMBERS:
            if may_hear(member.user):
                member.write_message(message)


class OneRoom(Members):
    def on_message(self, message):
        for member in ROOMS[self.user]:
            member.write_message(message)


class Some(Members):
    def on_message(self, message):
        for member in MEMBERS:
            if member.user == self.user:
                member.write_message(message)


class Tick(Members):
    def on_message(self, message):
        for member in MEMBERS:
            member.write_message("tick")


app = Application([(r"/a", Asked), (r"/b", OneRoom), (r"/c", Some), (r"/d", Tick)])
