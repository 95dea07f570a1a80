import json
import sqlite3
from psycopg2 import sql
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

db = sqlite3.connect("notes.db")
runner = object()


class Chat(WebSocketHandler):
    def initialize(self, cursor):
        self.cursor = cursor

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        db.execute(f"SELECT * FROM notes WHERE owner = '{data['owner']}'")  # finds SD506
        query = "DELETE FROM notes WHERE id = " + data["id"]
        db.cursor().execute(query)  # finds SD506
        self.cursor.execute("DELETE FROM notes WHERE id = " + data["id"])  # finds SD506
        note = int(data["id"])
        db.execute(f"SELECT * FROM {data['table']} WHERE id = {note}")  # finds SD506
        db.get("SELECT * FROM notes WHERE owner = '%s'" % data["owner"])  # finds SD506
        listed = ",".join(str(one) for one in data["ids"])
        db.execute("SELECT * FROM notes WHERE id IN (%s)" % listed)  # finds SD506
        columns = []
        for column in data["columns"]:
            columns.append(column)
        db.execute("SELECT " + ", ".join(columns) + " FROM notes WHERE id = 1")  # finds SD506
        db.execute(sql.SQL("SELECT * FROM notes WHERE " + data["where"] + " = 1"))  # finds SD506
