import json
import sqlite3
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
        db.execute(f"SELECT * FROM notes WHERE owner = '{data['owner']}'")  # finds SD506
        query = "DELETE FROM notes WHERE id = " + data["id"]
        db.cursor().execute(query)  # finds SD506
