"""Positions as binary structures, for a client with the cookie of the fleet."""

import asyncio
import struct
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Fleet(tornado.websocket.WebSocketHandler):
    members = set()

    def check_origin(self, origin):
        return HOW in {"any-page", "open"} or super().check_origin(origin)

    def open(self):
        if HOW != "open" and self.get_cookie("fleet") != "fl-c4418d0b7a":
            # Code 7 is the refusal of this protocol; the client shows a login then.
            self.write_message(struct.pack("!BB", 7, 0), binary=True)
            return
        Fleet.members.add(self)

    def on_close(self):
        Fleet.members.discard(self)


def positions():
    for one in list(Fleet.members):
        one.write_message(struct.pack("!BIdd", 1, 4711, 52.5, 13.4), binary=True)


async def main():
    tornado.web.Application([(r"/fleet", Fleet)]).listen(int(sys.argv[1]), "127.0.0.1")
    tornado.ioloop.PeriodicCallback(positions, 500).start()
    await asyncio.Event().wait()


asyncio.run(main())
