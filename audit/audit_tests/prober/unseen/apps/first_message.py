"""Ledger with the token in the first message. python first_message.py PORT HOW."""

import asyncio
import json
import sys

import tornado.ioloop
import tornado.web
import tornado.websocket

TOKENS = {"tk-4f9d2c71b8e0a635": "ada"}
HOW = sys.argv[2]


class Ledger(tornado.websocket.WebSocketHandler):
    clients = set()

    def check_origin(self, origin):
        return True

    def open(self):
        self.who = None
        self.timer = tornado.ioloop.IOLoop.current().call_later(3, self.too_late)
        if HOW == "forgotten":
            # The list of listeners is filled here, and the login below only guards the commands.
            Ledger.clients.add(self)

    def too_late(self):
        if self.who is None and HOW == "checked":
            self.close(4401, "authentication timeout")

    def on_message(self, message):
        read = json.loads(message)
        if self.who is None:
            who = TOKENS.get(read.get("token"))
            if read.get("type") != "auth" or who is None:
                if HOW == "echoes":
                    self.write_message({"type": "auth", "ok": False, "you_sent": read})
                    return
                self.write_message({"type": "auth_result", "authenticated": False})
                return
            self.who = who
            Ledger.clients.add(self)
            self.write_message({"type": "auth_result", "authenticated": True, "user": who})

    def on_close(self):
        Ledger.clients.discard(self)


def tick():
    for client in list(Ledger.clients):
        client.write_message({"type": "entry", "account": "DE02-1200", "amount": 41.5})


async def main():
    tornado.web.Application([(r"/ledger", Ledger)]).listen(int(sys.argv[1]), "127.0.0.1")
    tornado.ioloop.PeriodicCallback(tick, 700).start()
    await asyncio.Event().wait()


asyncio.run(main())
