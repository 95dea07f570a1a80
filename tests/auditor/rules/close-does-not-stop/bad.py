from tornado.web import Application
from tornado.websocket import WebSocketHandler

clients = set()


class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def open(self):
        if not self.current_user:
            self.close()  # finds SD109

    def on_message(self, message):
        for one in clients:
            one.write_message(message)


app = Application([(r"/ws", Door)])
