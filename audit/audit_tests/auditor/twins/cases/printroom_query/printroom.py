import json
import os
import sqlite3

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class PrintRoom(WebSocketHandler):
    def initialize(self, db):
        self.db = db

    def credential(self):
        """Return the key that the client presents, as text."""
        values = self.request.headers.get_list("X-Print-Key")
        return values[-1] if values else ""

    def prepare(self):
        row = self.db.execute("SELECT owner FROM keys WHERE key = ?", (self.credential(),)).fetchone()
        if row is None:
            raise HTTPError(401)
        (self.owner,) = row

    def on_message(self, message):
        body = json.loads(message)
        if body["job"] == "new":
            self.db.execute("INSERT INTO jobs (owner, pages) VALUES (?, ?)", (self.owner, int(body["pages"])))
        else:
            self.db.execute("DELETE FROM jobs WHERE owner = ? AND id = ?", (self.owner, int(body["job"])))
        self.db.execute("INSERT INTO history (owner, job) VALUES (?, ?)", (self.owner, str(body["job"])))
        (count,) = self.db.execute("SELECT count(*) FROM jobs WHERE owner = ?", (self.owner,)).fetchone()
        self.write_message({"jobs": count})


def make_app(db):
    return Application([(r"/print", PrintRoom, {"db": db})])


if __name__ == "__main__":
    make_app(sqlite3.connect(os.environ["PRINT_DB"])).listen(8319)
    IOLoop.current().start()
