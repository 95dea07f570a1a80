import json
import os

from elsewhere import orders, pictures
from jupyter_server.base.handlers import JupyterHandler
from PIL import Image
from rx import Observer
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Door(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        try:
            orders.cancel_own(self.current_user, data["order_id"])
        except orders.Refused as error:
            self.write_message(error.get_response(data["id"]))


class Told(Observer):
    def __init__(self, number, tell):
        self.number = number
        self.tell = tell


class Feed(WebSocketHandler):
    def on_message(self, message):
        data = json.loads(message)
        self.start(data.get("id"), data.get("query"))

    def start(self, number, query):
        news = orders.query(query)
        news.subscribe(Told(number, self.tell))

    def tell(self, number, text):
        self.write_message({"id": number, "text": text})


class Pictures(WebSocketHandler):
    """Where a file lies is asked by another rule."""

    def on_message(self, message):
        number = json.loads(message)["player_id"]
        with open(number, "wb") as raw:
            raw.write(pictures.of_everybody())
        Image.open(number).save("small.png")
        os.remove(number)


class Own(WebSocketHandler, JupyterHandler):
    """The server is one user's own, and has an authorizer for others."""

    def on_message(self, message):
        orders.cancel(json.loads(message)["order_id"])


class Known(WebSocketHandler):
    """Only whether it is there is told."""

    def on_message(self, message):
        self.write_message({"known": self.has_order(json.loads(message))})

    def has_order(self, data):
        return orders.fetch(data["order_id"]) is not None


class Public(WebSocketHandler):
    """A public order is for each user."""

    def get_current_user(self):
        return self.get_signed_cookie("user")

    def prepare(self):
        if self.current_user is None:
            raise HTTPError(401)

    def on_message(self, message):
        data = json.loads(message)
        order = orders.fetch(data["order"])
        if not order.public and order.owner != self.current_user:
            return
        order.views = order.views + 1
        self.write_message(order.text)


app = Application(
    [
        (r"/ws", Door),
        (r"/feed", Feed),
        (r"/pictures", Pictures),
        (r"/own", Own),
        (r"/known", Known),
        (r"/public", Public),
    ]
)
