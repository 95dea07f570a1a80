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
        ast.literal_eval(data["formula"])
        eval("1 + 1")
        importlib.import_module("plugins." + data["plugin"])
