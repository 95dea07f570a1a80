import json

from elsewhere import boards, cards, orders
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Known(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie("user")

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)


class Orders(Known):
    """The owner is compared where the order is shown, and not where it is cancelled."""

    def on_message(self, message):
        data = json.loads(message)
        order = orders[data["order"]]
        if data["do"] == "show":
            if order.owner != self.current_user:
                return
            self.write_message(order.text)
        elif data["do"] == "cancel":
            order.cancel()  # finds SD303


class Late(Known):
    """The owner is compared after the effect."""

    def on_message(self, message):
        data = json.loads(message)
        order = orders[data["order"]]
        order.paid = True  # finds SD303
        if order.owner != self.current_user:
            self.close()
            return
        self.write_message("paid")


class Other(Known):
    """The members of a board are asked for, and a card of any board is changed."""

    def on_message(self, message):
        data = json.loads(message)
        board = boards.find(data["board"])
        if self.current_user not in board.members:
            return
        cards.find(data["card"]).move(data["column"])  # finds SD303


class Rows(Known):
    """Orders are looked up by the user, and changed without."""

    def open(self):
        for row in orders.find({"owner": self.current_user}):
            self.write_message(row)

    def on_message(self, message):
        orders.update({"_id": json.loads(message)["order"]}, {"open": False})  # finds SD303


app = Application([(r"/orders", Orders), (r"/late", Late), (r"/other", Other), (r"/rows", Rows)])
