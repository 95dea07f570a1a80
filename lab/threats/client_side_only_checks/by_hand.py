"""The same chess: the server checks the identity at the handshake, and the piece at each move."""

import json
import secrets

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"white": "white opens with the pawn", "umpire": "umpire watches both sides"}
PAGE = """<!doctype html><title>Chess</title><p>Log in to play.</p>"""
PIECES = {"wKe1": "e1", "bKe8": "e8"}


class Page(RequestHandler):
    def get(self):
        self.write(PAGE)


class LogIn(RequestHandler):
    def post(self):
        body = json.loads(self.request.body)
        if USERS.get(body["username"]) != body["password"]:
            raise HTTPError(401)
        self.set_signed_cookie("user", body["username"], httponly=True, samesite="Lax")


class Game(WebSocketHandler):
    tables = set()

    def check_origin(self, origin):
        return origin in self.settings["origins"]

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user.decode() if user else None

    def prepare(self):
        if self.current_user not in USERS:
            raise HTTPError(401)

    def open(self):
        Game.tables.add(self)
        self.write_message({"type": "board", "pieces": PIECES})

    def on_message(self, message):
        try:
            move = json.loads(message)
            kind = move["type"]
        except (ValueError, KeyError, TypeError):
            self.close(1003)
            return
        if kind == "move" and self.current_user == "white" and move.get("piece") == "wKe1":
            PIECES["wKe1"] = str(move.get("to"))[:2]
        elif kind == "void" and self.current_user == "umpire":
            PIECES.clear()
        else:
            self.write_message({"type": "error", "error": "forbidden"})
            return
        for one in Game.tables:
            one.write_message({"type": "board", "pieces": PIECES})

    def on_close(self):
        Game.tables.discard(self)


def make(origin):
    return Application(
        [("/", Page), ("/auth/login", LogIn), ("/ws/game", Game)],
        cookie_secret=secrets.token_hex(32),
        origins=[origin],
    )
