import json
import os

from rooms import HostCommands, Room
from tornado import ioloop, web
from tornado.websocket import WebSocketHandler


class Quiz(HostCommands, WebSocketHandler):
    rooms = {}

    def prepare(self):
        self.nick = self.get_signed_cookie("nick")
        if self.nick is None:
            self.set_status(401)
            self.finish()

    def refuse(self):
        self.write_message({"error": "only the host"})

    def on_message(self, message):
        body = json.loads(message)
        verb, name = body["verb"], body["room"]
        if verb == "open":
            if name in self.rooms:
                return self.write_message({"error": "taken"})
            self.rooms[name] = Room(self)
            return self.write_message({"room": name})
        room = self.rooms.get(name)
        if room is None:
            return self.write_message({"error": "no room"})
        if verb == "join":
            room.players.add(self)
            return room.send({"joined": self.nick.decode()})
        return getattr(self, f"do_{verb}", lambda *_: self.refuse())(room, body)

    def on_close(self):
        for room in self.rooms.values():
            room.players.discard(self)


def make_app():
    return web.Application([(r"/quiz", Quiz)], cookie_secret=os.environ["QUIZ_SECRET"])


if __name__ == "__main__":
    make_app().listen(8309)
    ioloop.IOLoop.current().start()
