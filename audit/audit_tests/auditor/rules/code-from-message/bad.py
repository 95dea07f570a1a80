import json
import ast
import importlib
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        eval(data["formula"])  # finds SD502
        exec(str(data))  # finds SD502
        importlib.import_module(data["plugin"] + ".main")  # finds SD502
