# Loans of a museum: lenders ask, registrars decide.
from functools import partial
import json
import os
import sqlite3

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


def connect(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    db.executescript(
        "CREATE TABLE IF NOT EXISTS staff (mail TEXT PRIMARY KEY, post TEXT);"
        "CREATE TABLE IF NOT EXISTS loans (id INTEGER PRIMARY KEY, piece TEXT, state TEXT, asked_by TEXT);"
    )
    return db


class LoanDesk(WebSocketHandler):
    @property
    def db(self):
        return self.application.db

    def prepare(self):
        mail = self.get_signed_cookie("mail")
        row = mail and self.db.execute("SELECT * FROM staff WHERE mail = ?", (mail.decode(),)).fetchone()
        if not row:
            raise HTTPError(403)
        self.me = row

    def on_message(self, message):
        body = json.loads(message)
        what = body.get("what")
        if what == "ask":
            self.soon(partial(self.ask, str(body["piece"])))
        elif what == "approve":
            self.if_registrar(partial(self.move, int(body["loan"]), "approved"))
        elif what == "recall":
            self.if_registrar(partial(self.move, int(body["loan"]), "recalled"))
        else:
            self.write_message({"error": what})

    def soon(self, callback):
        IOLoop.current().add_callback(callback)

    def if_registrar(self, callback):
        if self.me["post"] == "registrar":
            self.soon(callback)
        else:
            self.write_message({"error": "ask a registrar"})

    def ask(self, piece):
        row = (piece, self.me["mail"])
        loan = self.db.execute("INSERT INTO loans (piece, state, asked_by) VALUES (?, 'asked', ?)", row).lastrowid
        self.write_message({"loan": loan})

    def move(self, loan, state):
        self.db.execute("UPDATE loans SET state = ? WHERE id = ?", (state, loan))
        self.write_message({"loan": loan, "state": state})


class Museum(Application):
    def __init__(self, db):
        self.db = db
        super().__init__([(r"/loans", LoanDesk)], cookie_secret=os.environ["MUSEUM_SECRET"])


if __name__ == "__main__":
    Museum(connect("museum.db")).listen(8308)
    IOLoop.current().start()
