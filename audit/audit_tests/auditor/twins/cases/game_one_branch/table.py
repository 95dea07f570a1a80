"""Card table server."""
import asyncio, json, os, random

import tornado.web
import tornado.websocket


class Table:
    def __init__(self, n):
        self.n = n
        self.seats = {}
        self.cards = {}
        self.played = []

    def deal(self, p):
        mine = set()
        for _ in range(3):
            c = "c%d" % random.SystemRandom().randrange(10**9)
            self.cards[c] = {"owner": p, "face": random.SystemRandom().choice("23456789TJQKA")}
            mine.add(c)
        return mine


class TableHandler(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        t = self.get_signed_cookie("player")
        return t.decode() if t else None

    async def prepare(self):
        if self.current_user is None:
            raise tornado.web.HTTPError(401, "log in first")

    def open(self):
        self.table = self.application.settings["table"]
        self.p = self.current_user
        if self.p not in self.table.seats:
            self.table.seats[self.p] = self.table.deal(self.p)
        self.hand = self.table.seats[self.p]
        self.write_message({"hand": sorted(self.hand)})

    def on_message(self, m):
        m = json.loads(m)
        k, c = m.get("k"), m.get("c")
        if c not in self.table.cards:
            return
        if k in ("play", "peek") and c not in self.hand:
            self.write_message({"error": "not your card"})
            return
        if k == "play":
            self.table.played.append(self.table.cards.pop(c))
            self.table.seats[self.p].discard(c)
            self.write_message({"played": len(self.table.played)})
        elif k == "peek":
            self.write_message({"face": self.table.cards[c]["face"]})


def make_app():
    return tornado.web.Application([("/table", TableHandler)], table=Table(4), cookie_secret=os.environ["TABLE_KEY"])


async def main():
    make_app().listen(5000)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
