import json
import os
import uuid

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler


class Lot:
    def __init__(self, seller, title):
        self.seller, self.title = seller, title
        self.best = (0, None)
        self.running = True


class House:
    def __init__(self):
        self.lots = {"vase": Lot("sam", "Vase"), "lamp": Lot("mallory", "Lamp")}
        self.sessions = {}

    def find(self, key):
        return self.lots[key]

    def hammer(self, key):
        lot = self.lots[key]
        lot.running = False
        return lot


class LoginHandler(RequestHandler):
    def post(self):
        name, password = self.get_body_argument("name"), self.get_body_argument("password")
        if not self.settings["passwords"].verify(name, password):
            raise HTTPError(403)
        session = uuid.uuid4().hex
        self.settings["house"].sessions[session] = name
        self.set_cookie("session", session, httponly=True, samesite="Strict", secure=True)


class AuctionSocket(WebSocketHandler):
    def prepare(self):
        self.house = self.settings["house"]
        try:
            self.bidder = self.house.sessions[self.get_cookie("session")]
        except KeyError:
            raise HTTPError(401) from None

    def on_message(self, message):
        m = json.loads(message)
        if m.get("lot") not in self.house.lots:
            return self.write_message({"error": "no such lot"})
        if m["type"] == "bid":
            lot = self.house.find(m["lot"])
            if lot.running and int(m["amount"]) > lot.best[0] and lot.seller != self.bidder:
                lot.best = (int(m["amount"]), self.bidder)
            return self.write_message({"best": lot.best[0]})
        if m["type"] == "end":
            lot = self.house.find(m["lot"])
            if lot.seller != self.bidder:
                return self.write_message({"error": "only the seller may end an auction"})
            self.house.hammer(m["lot"])
            return self.write_message({"sold": lot.best[0]})
        return self.write_message({"error": "unknown"})


def make_app(passwords=None):
    return Application(
        [("/login", LoginHandler), ("/auction", AuctionSocket)],
        house=House(),
        passwords=passwords,
        max_body_size=100_000,
        cookie_secret=os.environ["AUCTION_SECRET"],
    )


if __name__ == "__main__":
    from accounts import Passwords

    make_app(Passwords.load(os.environ["AUCTION_PASSWORDS"])).listen(8200)
    IOLoop.current().start()
