from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def get_compression_options(self):
        return {}  # finds SD606


app = Application([("/chat", Chat)])
