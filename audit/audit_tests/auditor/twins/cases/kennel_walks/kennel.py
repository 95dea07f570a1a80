"""Dogs of a kennel: their keepers plan walks; a vet may look at all."""

import asyncio
import json
import os
import sqlite3

from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Kennel:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.row_factory = sqlite3.Row

    def keeper(self, cookie):
        return self.db.execute("SELECT id, name FROM keepers WHERE cookie = ?", (cookie,)).fetchone()

    def dog(self, number):
        return self.db.execute("SELECT id, name, keeper_id FROM dogs WHERE id = ?", (number,)).fetchone()

    def plan(self, number, hour):
        self.db.execute("UPDATE dogs SET walk = ? WHERE id = ?", (hour, number))

    def release(self, number):
        self.db.execute("DELETE FROM dogs WHERE id = ?", (number,))


class WalkSocket(WebSocketHandler):
    def initialize(self, kennel):
        self.kennel = kennel

    def prepare(self):
        row = self.kennel.keeper(self.get_cookie("kennel", ""))
        if row is None:
            raise HTTPError(401)
        self.keeper = row

    def my_dog(self, number):
        dog = self.kennel.dog(number)
        if dog is None or dog["keeper_id"] != self.keeper["id"]:
            return None
        return dog

    def on_message(self, message):
        ask = json.loads(message)
        dog = self.my_dog(int(ask["dog"]))
        if dog is None:
            self.write_message({"error": "not your dog"})
        elif ask["do"] == "walk":
            self.kennel.plan(dog["id"], int(ask["hour"]))
            self.write_message({"walk": ask["hour"]})
        elif ask["do"] == "release":
            self.kennel.release(int(ask["dog"]))
            self.write_message({"released": dog["name"]})


def make_app(kennel):
    return Application([("/walks", WalkSocket, {"kennel": kennel})])


async def main():
    make_app(Kennel(os.environ["KENNEL_DB"])).listen(8401)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
