"""Job list of a print shop."""

import json
import os
import re

import tornado.ioloop
import tornado.web
import tornado.websocket

BRANCHES = re.compile(r"https://[a-z]+\.druck\.example")


class JobSocket(tornado.websocket.WebSocketHandler):
    """Each shop sees the jobs under its own name."""

    def check_origin(self, origin):
        return BRANCHES.fullmatch(origin) is not None

    def prepare(self):
        shop = self.get_signed_cookie("shop", max_age_days=7)
        if shop is None:
            self.set_status(401)
            self.finish()
        else:
            self.shop = shop.decode()

    def on_message(self, message):
        jobs = self.application.jobs.setdefault(self.shop, [])
        body = json.loads(message)
        if body.get("new"):
            jobs.append({"pages": int(body["new"]["pages"]), "paper": str(body["new"]["paper"])})
        self.write_message({"jobs": jobs})


class Shop(tornado.web.Application):
    def __init__(self):
        self.jobs = {}
        super().__init__([(r"/jobs", JobSocket)], cookie_secret=os.environ["SHOP_SECRET"])


if __name__ == "__main__":
    Shop().listen(8610)
    tornado.ioloop.IOLoop.current().start()
