import json
import os
import shutil
import uuid
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        open("/srv/notes/" + data["name"])  # finds SD507
        os.remove(os.path.join("/srv", data["name"]))  # finds SD507
        shutil.rmtree(data["folder"])  # finds SD507
        name = data["name"]
        try:
            name = str(uuid.UUID(name))
        except ValueError:
            pass
        open("/srv/notes/" + name)  # finds SD507
