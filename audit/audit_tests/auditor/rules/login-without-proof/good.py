import json

import bcrypt
from tornado.auth import GoogleOAuth2Mixin
from tornado.web import Application, HTTPError, RequestHandler, authenticated
from tornado.websocket import WebSocketHandler

clients = set()
USERS = {"alice": b"$2b$12$x"}
INVITED = {"alice": "4711"}


class Form(RequestHandler):
    def post(self):
        name = self.get_argument("name")
        if not bcrypt.checkpw(self.get_argument("password").encode(), USERS[name]):
            raise HTTPError(403)
        self.set_signed_cookie("user", name, httponly=True, secure=True)


class Compared(RequestHandler):
    def post(self):
        name = self.get_argument("name")
        if INVITED.get(name) != self.get_argument("invitation"):
            raise HTTPError(403)
        self.set_signed_cookie("user", name, httponly=True, secure=True)


class Json(RequestHandler):
    async def post(self):
        body = json.loads(self.request.body)
        user = await self.settings["users"].find(body)
        self.set_signed_cookie("user", user or body["user"], httponly=True, secure=True)


class Provider(RequestHandler, GoogleOAuth2Mixin):
    async def get(self):
        user = await self.get_authenticated_user("https://app.example/login", self.get_argument("code"))
        self.set_signed_cookie("user", user["id"], httponly=True, secure=True)


class Base(RequestHandler):
    def prepare(self):
        self.check_ticket()


class Admin(Base):
    def post(self):
        self.set_signed_cookie("user", self.get_argument("as"), httponly=True, secure=True)


class Again(RequestHandler):
    @authenticated
    def post(self):
        self.set_signed_cookie("user", self.get_argument("as"), httponly=True, secure=True)


class Colour(RequestHandler):
    def post(self):
        self.set_signed_cookie("colour", self.get_argument("colour"), httponly=True, secure=True)


class Door(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def get_current_user(self):
        return self.get_signed_cookie("user")

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door), (r"/login", Form)])
