import json
import os
import time

import tornado.ioloop
import tornado.web
import tornado.websocket


class Night(tornado.websocket.WebSocketHandler):
    def get_current_user(self):
        cookie = self.get_signed_cookie("astronomer")
        return cookie and cookie.decode()

    @tornado.web.authenticated
    async def get(self, *args, **kwargs):
        await super().get(*args, **kwargs)

    @property
    def slots(self):
        return self.application.settings["slots"]

    def open(self):
        self.application.settings["watching"].add(self)

    def on_close(self):
        self.application.settings["watching"].discard(self)

    def publish(self, line):
        for each in self.application.settings["watching"]:
            each.write_message(line)

    def on_message(self, text):
        wish = json.loads(text)
        self.application.settings["seen"][self.current_user] = time.time()
        getattr(self, "on_" + wish["wish"] if wish["wish"] in ("book", "point", "expose") else "on_error")(wish)

    def on_error(self, wish):
        self.write_message({"error": "what?"})

    def on_book(self, wish):
        self.slots.setdefault(wish["slot"], {"observer": self.current_user, "target": None, "frames": []})
        self.write_message({"observer": self.slots[wish["slot"]]["observer"]})

    def on_point(self, wish):
        slot = self.slots.get(wish["slot"])
        if slot is None or slot["observer"] != self.current_user:
            return self.on_error(wish)
        slot["target"] = [float(wish["ra"]), float(wish["dec"])]
        self.publish({"slot": wish["slot"], "target": slot["target"]})

    def on_expose(self, wish):
        slot = self.slots.get(wish["slot"])
        if slot is None or self.current_user != slot["observer"]:
            return self.on_error(wish)
        slot["frames"].append(float(wish["seconds"]))
        self.write_message({"frames": len(slot["frames"])})


def make_app():
    return tornado.web.Application(
        [(r"/night", Night)],
        cookie_secret=os.environ["DOME_SECRET"],
        login_url="/login",
        slots={},
        seen={},
        watching=set(),
    )


if __name__ == "__main__":
    make_app().listen(8306)
    tornado.ioloop.IOLoop.current().start()
