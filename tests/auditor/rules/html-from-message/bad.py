import json

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        self.write_message(f"<b>{data['text']}</b>")  # finds SD511
        self.write_message("<p>" + data["text"] + "</p>")  # finds SD511
