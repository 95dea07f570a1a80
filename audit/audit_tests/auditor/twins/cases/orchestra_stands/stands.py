import json
import os
import sqlite3
from contextlib import closing

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Stands(WebSocketHandler):
    def initialize(self, path):
        self.path = path

    def get_current_user(self):
        raw = self.get_signed_cookie("musician")
        return int(raw) if raw else None

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(403)

    def sql(self, statement, **values):
        with closing(sqlite3.connect(self.path)) as db, db:
            return db.execute(statement, values).rowcount

    def on_message(self, message):
        m = json.loads(message)
        me, stand = self.current_user, m.get("stand")
        if m["op"] == "claim":
            changed = self.sql(
                "UPDATE stands SET musician = :me WHERE id = :stand AND musician IS NULL", me=me, stand=stand
            )
        elif m["op"] == "turn":
            changed = self.sql(
                "UPDATE stands SET page = page + 1, turned_by = :me WHERE id = :stand AND musician = :me", me=me, stand=stand
            )
        elif m["op"] == "leave":
            changed = self.sql(
                "UPDATE stands SET musician = NULL WHERE id = :stand AND musician = :me", me=me, stand=stand
            )
        else:
            changed = 0
        self.sql("INSERT INTO log (musician, op) VALUES (:me, :op)", me=me, op=str(m["op"]))
        self.write_message({"changed": changed})


def make_app(path):
    return Application([("/stands", Stands, {"path": path})], cookie_secret=os.environ["STANDS_SECRET"])


if __name__ == "__main__":
    make_app(os.environ["STANDS_DB"]).listen(8410)
    IOLoop.current().start()
