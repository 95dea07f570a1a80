from tornado.websocket import WebSocketHandler

from notes import Bucket, save


class Chat(WebSocketHandler):
    def open(self):
        self.bucket = Bucket(5)

    def on_message(self, message):
        if self.bucket.take():
            save(message)
