import json

from elsewhere import orders
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        orders.cancel_own(self.current_user, data["order_id"])


app = Application([(r"/ws", Door)])
