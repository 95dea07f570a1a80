import json
import os

from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Reg:
    """Drones, their pilots, and answers that have been given before."""

    def __init__(self, pilots):
        self.pilots = pilots
        self.pos = {d: [0, 0] for d in pilots}
        self.memo = {}
        self.asked = 0

    def look_up(self, u, d):
        self.asked += 1
        return u in self.pilots.get(d, ())

    def may_fly(self, u, d):
        k = (u, d)
        if k not in self.memo:
            self.memo[k] = self.look_up(u, d)
        return self.memo[k]


class D(WebSocketHandler):
    def initialize(self, reg, keys):
        self.reg = reg
        self.keys = keys

    def prepare(self):
        self.u = self.keys.get(self.request.headers.get("X-Pilot-Key"))
        if not self.u:
            raise HTTPError(401)

    def on_message(self, s):
        m = json.loads(s)
        d = m.get("d")
        if d not in self.reg.pos:
            return
        if not self.reg.may_fly(self.u, d):
            self.write_message({"err": "no"})
            return
        x, y = self.reg.pos[d]
        self.reg.pos[d] = [x + int(m["dx"]), y + int(m["dy"])]
        self.write_message({"pos": self.reg.pos[d]})


def make_app(pilots, keys):
    return Application([("/d", D, {"reg": Reg(pilots), "keys": keys})])


if __name__ == "__main__":
    cfg = json.load(open(os.environ["DRONES_JSON"]))
    make_app(cfg["pilots"], cfg["keys"]).listen(8222)
    IOLoop.current().start()
