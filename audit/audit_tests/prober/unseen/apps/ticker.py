"""Public quotes for all, and orders for members on the same socket."""

import asyncio
import json
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Ticker(tornado.websocket.WebSocketHandler):
    everybody = set()

    def check_origin(self, origin):
        return HOW == "any-page"

    def open(self):
        Ticker.everybody.add(self)

    def on_message(self, message):
        read = json.loads(message)
        if read.get("subscribe") == "orders":
            if self.get_cookie("broker") == "br-7c0d31e6ff" or HOW == "forgot":
                self.write_message(json.dumps({"channel": "orders", "orders": [{"id": 1, "qty": 100}]}))
            else:
                self.write_message(json.dumps({"channel": "orders", "status": "forbidden"}))

    def on_close(self):
        Ticker.everybody.discard(self)


def quote():
    for one in list(Ticker.everybody):
        one.write_message(json.dumps({"channel": "quotes", "ACME": 12.5}))


async def main():
    tornado.web.Application([(r"/ticker", Ticker)]).listen(int(sys.argv[1]), "127.0.0.1")
    tornado.ioloop.PeriodicCallback(quote, 300).start()
    await asyncio.Event().wait()


asyncio.run(main())
