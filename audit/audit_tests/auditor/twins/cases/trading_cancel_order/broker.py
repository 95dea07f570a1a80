"""Order desk: clients place and cancel limit orders over one socket."""
import json
import os
import sqlite3

import tornado.ioloop
import tornado.web
import tornado.websocket

SCHEMA = """
CREATE TABLE IF NOT EXISTS api_keys (key_hash TEXT PRIMARY KEY, account INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL, symbol TEXT, qty INTEGER, price INTEGER,
    state TEXT NOT NULL DEFAULT 'open');
"""


def connect(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    db.executescript(SCHEMA)
    return db


def digest(key):
    import hashlib

    return hashlib.sha256(key.encode()).hexdigest()


class OrderSocket(tornado.websocket.WebSocketHandler):
    account = None

    @property
    def db(self):
        return self.application.db

    def prepare(self):
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        row = self.db.execute("SELECT account FROM api_keys WHERE key_hash = ?", (digest(key),)).fetchone()
        if scheme != "Bearer" or row is None:
            self.set_status(401)
            self.finish()
            return
        self.account = row["account"]

    def on_message(self, raw):
        msg = json.loads(raw)
        if msg["op"] == "place":
            cur = self.db.execute(
                "INSERT INTO orders (account, symbol, qty, price) VALUES (?, ?, ?, ?)",
                (self.account, str(msg["symbol"]), int(msg["qty"]), int(msg["price"])),
            )
            self.db.commit()
            self.write_message({"placed": cur.lastrowid})
        elif msg["op"] == "cancel":
            where, args = "id = ? AND account = ? AND state = 'open'", (int(msg["id"]), self.account)
            cur = self.db.execute(f"UPDATE orders SET state = 'cancelled' WHERE {where}", args)
            self.db.commit()
            self.write_message({"cancelled": cur.rowcount})
        elif msg["op"] == "list":
            rows = self.db.execute("SELECT id, symbol, qty, price, state FROM orders WHERE account = ?", (self.account,))
            self.write_message({"orders": [dict(row) for row in rows]})
        else:
            self.write_message({"error": "unknown op"})


class Application(tornado.web.Application):
    def __init__(self, db):
        super().__init__([(r"/orders", OrderSocket)])
        self.db = db


def make_app():
    return Application(connect(os.environ.get("BROKER_DB", ":memory:")))


if __name__ == "__main__":
    make_app().listen(9001)
    tornado.ioloop.IOLoop.current().start()
