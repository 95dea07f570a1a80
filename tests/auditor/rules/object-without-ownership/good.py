import json

from elsewhere import Observer, orders
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        orders.cancel_own(self.current_user, data["order_id"])
        orders.changes().subscribe(Observer(data["id"], self.tell))

    def tell(self, number, text):
        self.write_message({"id": number, "text": text})


app = Application([(r"/ws", Door)])
