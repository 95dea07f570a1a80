from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Chat(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


app = Application([("/chat", Chat)], websocket_ping_interval=30)


def made(**options):
    return Application([("/other", Chat)], **options)
