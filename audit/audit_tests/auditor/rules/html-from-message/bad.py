import json

from tornado.escape import xhtml_escape
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    async def on_message(self, message):
        data = json.loads(message)
        for client in clients:
            client.write_message(f"<b>{data['text']}</b>")  # finds SD511
            client.write_message(f"<b>{xhtml_escape(data['who'])}</b><i>{data['text']}</i>")  # finds SD511
            client.write_message("<p>" + data["text"] + "</p>")  # finds SD511

    def open(self):
        clients.add(self)
        self.write_message("<h1>" + self.get_argument("room") + "</h1>")  # finds SD511


clients = set()
