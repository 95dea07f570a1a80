import json
import yaml
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        yaml.load(data["text"], Loader=yaml.UnsafeLoader)  # finds SD504
        yaml.load(message)  # finds SD504
