import json
import os
import secrets

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler
from web_base import SESSIONS, SessionMixin, Visitor, signed_in


class Login(RequestHandler):
    def initialize(self, directory):
        self.directory = directory

    def post(self):
        login = self.get_body_argument("login")
        if not self.directory.verify(login, self.get_body_argument("password")):
            raise HTTPError(403)
        sid = secrets.token_urlsafe(32)
        SESSIONS[sid] = Visitor(login)
        self.set_cookie("clinic_sid", sid, httponly=True, secure=True, samesite="Lax")


class CalendarSocket(SessionMixin, WebSocketHandler):
    @signed_in
    async def get(self, *args, **kwargs):
        return await super().get(*args, **kwargs)

    def on_message(self, message):
        entry = json.loads(message)
        self.current_user.calendar.append({"at": str(entry["at"]), "what": str(entry["what"])[:100]})
        self.write_message({"entries": self.current_user.calendar})


def make_app(directory):
    return Application([("/login", Login, {"directory": directory}), ("/calendar", CalendarSocket)])


if __name__ == "__main__":
    from ldap_directory import Directory

    make_app(Directory(os.environ["LDAP_URL"])).listen(8441)
    IOLoop.current().start()
