from tornado.websocket import WebSocketHandler

clients = set()


class Chat(WebSocketHandler):
    def open(self):
        clients.add(self)  # finds SD604

    def on_close(self):
        clients.discard(self)
