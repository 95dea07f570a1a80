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
        for client in clients:
            client.write_message(f"<b>{xhtml_escape(data['text'])}</b>")
            client.write_message(f"<b>{xhtml_escape(data['text'])}</b><i>{len(clients)}</i>")
        self.write_message(f"<b>{data['text']}</b>")
        self.write_message({"text": data["text"]})
        self.write_message(data["text"])

    def open(self):
        clients.add(self)


clients = set()
