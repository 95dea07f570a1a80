"""Orders, spoken in a subprotocol of their own; who has no session is refused, or not."""

import asyncio
import json
import sys

import tornado.web
import tornado.websocket

HOW = sys.argv[2]


class Orders(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return HOW != "own-pages" and True or super().check_origin(origin)

    async def prepare(self):
        if "orders.v2" not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise tornado.web.HTTPError(400, "orders.v2 is spoken here")
        if HOW != "nobody-asked" and self.get_cookie("sid") != "s3ss10n-of-grace-77ab":
            raise tornado.web.HTTPError(403)

    def select_subprotocol(self, subprotocols):
        return "orders.v2"

    def on_message(self, message):
        read = json.loads(message)
        if read.get("op") == "list":
            self.write_message(json.dumps({"op": "list", "rows": [[7, "bolts", 400], [9, "nuts", 80]]}))


async def main():
    tornado.web.Application([(r"/api/orders/socket", Orders)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
