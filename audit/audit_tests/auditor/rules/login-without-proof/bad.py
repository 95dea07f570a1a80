import json

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

clients = set()
USERS = {"alice", "bob"}


class Form(RequestHandler):
    def post(self):
        name = self.get_argument("name", "").strip()
        if not name:
            raise HTTPError(400)
        self.set_signed_cookie("user", name, httponly=True, secure=True)  # finds SD111
        self.redirect("/")


class Json(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if body["user"] not in USERS:
            self.set_status(404)
            return
        self.set_secure_cookie("user", json.dumps({"id": body["user"]}), httponly=True, secure=True)  # finds SD111


class Door(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door), (r"/login", Form), (r"/api/login", Json)])
