import json

from elsewhere import orders
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        orders.cancel(data["order_id"])  # finds SD303


app = Application([(r"/ws", Door)])
