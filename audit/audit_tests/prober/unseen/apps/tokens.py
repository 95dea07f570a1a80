"""API with a token in a header, in the address, or as a single-use ticket; any page may try."""

import asyncio
import json
import secrets
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]
KEY = "key-0b7f3a9d5c1e4482"
TICKETS = set()


class Ticket(tornado.web.RequestHandler):
    def post(self):
        if self.request.headers.get("X-Api-Key") != KEY:
            raise tornado.web.HTTPError(401)
        ticket = secrets.token_urlsafe(18)
        TICKETS.add(ticket)
        self.write({"ticket": ticket})


class Feed(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def prepare(self):
        if HOW == "header":
            good = self.request.headers.get("X-Api-Key") == KEY
        elif HOW == "query":
            good = self.get_query_argument("access", "") == KEY
        elif HOW == "cookie-and-token":
            # A page of another site has the cookie sent along, and does not know the token.
            good = (
                self.get_cookie("sess") == "sess-aa41f0c2"
                and self.get_query_argument("csrf", "") == "c5rf-99d0e1b7a4"
            )
        else:
            good = self.get_query_argument("ticket", "") in TICKETS
            TICKETS.discard(self.get_query_argument("ticket", ""))
        if not good:
            raise tornado.web.HTTPError(403)

    def open(self):
        self.write_message(json.dumps({"quote": "ACME", "bid": 12.1, "ask": 12.3}))


async def main():
    app = tornado.web.Application([(r"/ticket", Ticket), (r"/v1/quotes", Feed)])
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
