from tornado.websocket import WebSocketHandler

from notes import save


class Chat(WebSocketHandler):
    def on_message(self, message):  # finds SD603
        save(message)
