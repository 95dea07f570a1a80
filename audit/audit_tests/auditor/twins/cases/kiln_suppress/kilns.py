import contextlib
import json
import os
import sqlite3

from tornado.escape import utf8
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler

db = sqlite3.connect(os.environ["KILN_DB"])
db.executescript(
    "CREATE TABLE IF NOT EXISTS potters (token TEXT PRIMARY KEY, name TEXT);"
    "CREATE TABLE IF NOT EXISTS firings (id INTEGER PRIMARY KEY, potter TEXT, cone TEXT);"
)


def potter_of(request):
    """Return the name of the potter, or raise."""
    token = request.headers["X-Kiln-Token"]
    row = db.execute("SELECT name FROM potters WHERE token = ?", (token,)).fetchone()
    if row is None:
        raise HTTPError(401)
    return row[0]


class Kiln(WebSocketHandler):
    potter = "visitor"

    def prepare(self):
        with contextlib.suppress(LookupError):
            self.potter = potter_of(self.request)
            return
        raise HTTPError(401, "no token")

    def on_message(self, message):
        body = json.loads(message)
        if body["do"] == "fire":
            firing = db.execute("INSERT INTO firings (potter, cone) VALUES (?, ?)", (self.potter, body["cone"]))
            self.write_message(utf8(json.dumps({"firing": firing.lastrowid})))
        elif body["do"] == "stop":
            db.execute("DELETE FROM firings WHERE id = ? AND potter = ?", (int(body["firing"]), self.potter))
            self.write_message(utf8(json.dumps({"stopped": True})))


def make_app():
    return Application([(r"/kilns", Kiln)])


if __name__ == "__main__":
    make_app().listen(8315)
    IOLoop.current().start()
