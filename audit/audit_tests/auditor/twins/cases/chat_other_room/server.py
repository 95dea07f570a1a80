import json
import logging
import os

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

log = logging.getLogger("chat")


class Room:
    def __init__(self, name, members):
        self.name = name
        self.members = set(members)
        self.online = set()
        self.history = []

    def say(self, author, text):
        line = {"room": self.name, "from": author, "text": text}
        self.history.append(line)
        del self.history[:-200]
        for socket in list(self.online):
            socket.send(line)


ROOMS = {
    "lobby": Room("lobby", ["alice", "bob", "mallory"]),
    "board": Room("board", ["alice", "bob"]),
}


class ChatHandler(WebSocketHandler):
    def initialize(self, accounts):
        self.accounts = accounts
        self.room = ROOMS["lobby"]
        self.dispatch = {
            "say": self.on_say,
            "history": self.on_history,
        }

    def prepare(self):
        self.user = self.accounts.get((self.get_signed_cookie("sid") or b"").decode())
        if self.user is None:
            raise HTTPError(403)

    def open(self):
        self.room.online.add(self)

    def send(self, body):
        self.write_message(json.dumps(body))

    def on_message(self, message):
        data = json.loads(message)
        action = self.dispatch.get(data.get("do"))
        if action is None:
            return self.send({"error": "unknown"})
        room = ROOMS.get(data.get("room"))
        if room is None:
            return self.send({"error": "no such room"})
        if self.user not in room.members:
            log.info("%s is not a member of %s", self.user, room.name)
            return self.send({"error": "not a member"})
        action(room, data)

    def on_say(self, room, data):
        room.say(self.user, str(data.get("text", ""))[:500])

    def on_history(self, room, data):
        for line in room.history[-50:]:
            self.send(line)

    def on_close(self):
        self.room.online.discard(self)


def make_app(accounts=None):
    return Application(
        [(r"/chat", ChatHandler, {"accounts": accounts if accounts is not None else {}})],
        cookie_secret=os.environ["CHAT_SECRET"],
        websocket_ping_interval=30,
    )


if __name__ == "__main__":
    make_app().listen(8000)
    IOLoop.current().start()
