from __future__ import annotations

import functools
import json
import os

from tornado import ioloop, web, websocket


def needs(capability):
    """Run the command only for a keeper with a capability for the hive."""

    def around(command):
        @functools.wraps(command)
        def checked(self, args):
            granted = self.grants.get((self.keeper, args["hive"]), frozenset())
            if capability not in granted:
                return {"error": f"needs {capability}"}
            return command(self, args)

        return checked

    return around


class Hive(websocket.WebSocketHandler):
    def initialize(self, yard):
        self.hives = yard["hives"]
        self.grants = yard["grants"]

    def get_current_user(self):
        value = self.get_signed_cookie("keeper")
        return value.decode() if value else None

    def prepare(self):
        if not self.current_user:
            raise web.HTTPError(403)
        self.keeper = self.current_user

    def on_message(self, message):
        args = json.loads(message)
        command = {"weigh": self.weigh, "feed": self.feed, "treat": self.treat}.get(args.get("command"))
        self.write_message(command(args) if command else {"error": "unknown command"})

    @needs("look")
    def weigh(self, args):
        return {"grams": self.hives[args["hive"]]["grams"]}

    @needs("feed")
    def feed(self, args):
        self.hives[args["hive"]]["syrup"] += int(args["grams"])
        return {"ok": True}

    @needs("treat")
    def treat(self, args):
        self.hives[args["hive"]]["treatments"].append(str(args["agent"]))
        return {"ok": True}


def make_app(yard=None):
    if yard is None:
        with open(os.environ["YARD"]) as file:
            stored = json.load(file)
        yard = {
            "hives": stored["hives"],
            "grants": {(g["keeper"], g["hive"]): frozenset(g["can"]) for g in stored["grants"]},
        }
    return web.Application([(r"/hive", Hive, {"yard": yard})], cookie_secret=os.environ["YARD_SECRET"])


if __name__ == "__main__":
    make_app().listen(8303)
    ioloop.IOLoop.current().start()
