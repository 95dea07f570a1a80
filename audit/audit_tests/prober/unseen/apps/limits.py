"""Prices with limits: connections of an address, connections of a member, messages before a login."""

import asyncio
import json
import sys
import time

import tornado.web
import tornado.websocket

HOW, _, PAGES = sys.argv[2].partition("+")
MEMBERS = {"m-90b1f6d2c3": "ada"}


class Prices(tornado.websocket.WebSocketHandler):
    recent = []
    open_now = {}
    heard = set()

    def check_origin(self, origin):
        return PAGES == "any" or super().check_origin(origin)

    def prepare(self):
        now = time.monotonic()
        Prices.recent[:] = [one for one in Prices.recent if now - one < 4]
        if HOW == "rate" and len(Prices.recent) >= 12:
            self.set_header("Retry-After", "4")
            raise tornado.web.HTTPError(429)
        Prices.recent.append(now)
        self.member = MEMBERS.get(self.get_cookie("member", ""))
        if self.member is None and HOW != "rate-open":
            raise tornado.web.HTTPError(401)

    def open(self):
        if HOW == "single":
            before = Prices.open_now.get(self.member)
            if before is not None:
                before.close(4008, "opened elsewhere")
            Prices.open_now[self.member] = self
        if HOW != "duplicates":
            self.send()

    def on_message(self, message):
        read = json.loads(message)
        if HOW == "duplicates":
            if read["id"] in Prices.heard:
                return
            Prices.heard.add(read["id"])
        self.send()

    def send(self):
        self.write_message({"prices": {"oil": 71.2, "tin": 3.5}})

    def on_close(self):
        if Prices.open_now.get(getattr(self, "member", None)) is self:
            del Prices.open_now[self.member]


async def main():
    tornado.web.Application([(r"/prices", Prices)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
