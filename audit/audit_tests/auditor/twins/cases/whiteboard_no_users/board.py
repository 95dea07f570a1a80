"""A shared whiteboard for one classroom: all who know the room key are equal."""

import hmac
import itertools
import json
import os
from urllib.parse import urlsplit

import tornado.web
import tornado.websocket
from tornado.ioloop import IOLoop

KEY = os.environ["BOARD_KEY"]
SHAPES = {}
NUMBERS = itertools.count(1)
CLIENTS = set()


def tell_all(body):
    for client in list(CLIENTS):
        client.write_message(json.dumps(body))


class BoardSocket(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return urlsplit(origin).netloc.lower() == self.request.host.lower()

    def prepare(self):
        given = self.request.headers.get("X-Board-Key", "")
        if not hmac.compare_digest(given.encode(), KEY.encode()):
            raise tornado.web.HTTPError(403)

    def open(self):
        CLIENTS.add(self)
        self.write_message(json.dumps({"shapes": SHAPES}))

    def on_message(self, message):
        m = json.loads(message)
        if m["do"] == "draw":
            number = next(NUMBERS)
            SHAPES[number] = {"kind": str(m["kind"]), "points": [float(p) for p in m["points"]][:1000]}
            tell_all({"drawn": number, "shape": SHAPES[number]})
        elif m["do"] == "erase":
            SHAPES.pop(int(m["number"]), None)
            tell_all({"erased": int(m["number"])})
        elif m["do"] == "clear":
            SHAPES.clear()
            tell_all({"cleared": True})

    def on_close(self):
        CLIENTS.discard(self)


if __name__ == "__main__":
    tornado.web.Application([("/board", BoardSocket)]).listen(8100)
    IOLoop.current().start()
