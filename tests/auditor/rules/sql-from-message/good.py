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
        db.execute("SELECT * FROM notes WHERE owner = ?", (data["owner"],))
        db.execute("DELETE FROM notes WHERE id = ?", [data["id"]])
        runner.execute(data["cell"])
