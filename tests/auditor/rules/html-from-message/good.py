import json

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from tornado.escape import xhtml_escape


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        self.write_message(f"<b>{xhtml_escape(data['text'])}</b>")
        self.write_message({"text": data["text"]})
        self.write_message(data["text"])
