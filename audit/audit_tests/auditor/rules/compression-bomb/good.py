from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def get_compression_options(self):
        return {}


class Plain(WebSocketHandler):
    def get_compression_options(self):
        return None


app = Application([("/chat", Chat), ("/plain", Plain)], websocket_max_message_size=64 * 1024)
