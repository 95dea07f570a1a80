"""Chess with an umpire. Only the page checks the turn, and who is the umpire."""

import json

from tornado import gen
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"white": "white opens with the pawn", "umpire": "umpire watches both sides"}

PAGE = """<!doctype html><title>Chess</title><form id="login">
<input name="username"><input name="password" type="password"><button>Play</button></form>
<button id="void" hidden>Void the game</button>
<script>
const users = {white: "white opens with the pawn", umpire: "umpire watches both sides"};  // TODO: server
const socket = new WebSocket("ws://" + location.host + "/ws/game");
document.querySelector("#login").onsubmit = event => {
  event.preventDefault();
  const {username, password} = Object.fromEntries(new FormData(event.target));
  if (users[username] !== password) return alert("wrong password");
  document.querySelector("#void").hidden = username !== "umpire";
  window.play = move => socket.send(JSON.stringify({type: "move", ...move}));
};
document.querySelector("#void").onclick = () => socket.send(JSON.stringify({type: "void"}));
</script>"""

PIECES = {"wKe1": "e1", "bKe8": "e8"}


class Page(RequestHandler):
    def get(self):
        self.write(PAGE)


class LogIn(RequestHandler):
    """The page asks this too, for the name in the corner."""

    @gen.coroutine
    def post(self):
        body = json.loads(self.request.body)
        yield gen.moment
        self.set_cookie("name", body["username"])


class Game(WebSocketHandler):
    tables = []

    @gen.coroutine
    def open(self):
        yield gen.moment
        Game.tables.append(self)
        self.write_message({"type": "board", "pieces": PIECES})

    def on_message(self, message):
        move = json.loads(message)
        if move["type"] == "move":
            PIECES[move["piece"]] = move["to"]
        elif move["type"] == "void":
            PIECES.clear()
        for one in Game.tables:
            one.write_message({"type": "board", "pieces": PIECES})

    def on_close(self):
        if self in Game.tables:
            Game.tables.remove(self)


def make(origin):
    return Application([("/", Page), ("/auth/login", LogIn), ("/ws/game", Game)])
