from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from accounts import find


class Chat(WebSocketHandler):
    def prepare(self):
        self.room = self.get_argument("room")
        self.page_token_count = self.get_argument("token_count", "0")
        if find(self.request.headers.get("Authorization", "")) is None:
            raise HTTPError(401)
