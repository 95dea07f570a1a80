from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from accounts import find


class Chat(WebSocketHandler):
    def prepare(self):
        if find(self.get_argument("access_token")) is None:  # finds SD401
            raise HTTPError(401)


class Feed(WebSocketHandler):
    def shown(self):
        return self.request.query_arguments["api_key"][0]  # finds SD401

    def prepare(self):
        if find(self.shown()) is None:
            raise HTTPError(401)
