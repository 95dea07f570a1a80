import json
import sqlite3
import re
from psycopg2 import sql
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

db = sqlite3.connect("notes.db")
runner = object()


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        db.execute("SELECT * FROM notes WHERE owner = ?", (data["owner"],))
        db.execute("DELETE FROM notes WHERE id = ?", [data["id"]])
        runner.execute(data["cell"])
        note = data["id"]
        note = int(note)
        db.execute(f"SELECT * FROM notes WHERE id = {note}")
        db.execute("SELECT * FROM notes WHERE id = %d LIMIT %s" % (data["id"], len(data["shown"])))
        places = ", ".join("?" * len(data["ids"]))
        db.execute(f"SELECT * FROM notes WHERE id IN ({places})", data["ids"])
        db.execute(sql.SQL("SELECT * FROM {} WHERE id = 1").format(sql.Identifier(data["table"])))
        listed = ",".join(str(int(one)) for one in data["ids"])
        db.execute("SELECT * FROM notes WHERE id IN (%s)" % listed)
        row = db.query("SELECT id, age FROM notes WHERE owner = ?", data["owner"])
        db.execute("SELECT * FROM parts WHERE note = %s" % row["id"])
        order = data["order"]
        if order not in ("name", "age"):
            return
        db.execute("SELECT * FROM notes ORDER BY " + order)
        Table(data["table"]).read()


class Table:
    def __init__(self, name):
        check_name(name)
        self.name = name

    def read(self):
        db.execute("SELECT * FROM " + self.name)


def check_name(name):
    if re.fullmatch(r"[a-z]+", name) is None or name == "secrets":
        raise ValueError(name)
