import enum
import functools
import json
import os
import time

import tornado.ioloop
import tornado.web
import tornado.websocket


class Role(enum.IntEnum):
    CUSTOMER = 1
    AGENT = 2
    LEAD = 3


USERS = {"carol": Role.CUSTOMER, "adam": Role.AGENT, "lena": Role.LEAD}
TICKETS = {
    17: {"subject": "Printer on fire", "state": "open", "assignee": None, "notes": []},
    18: {"subject": "Password", "state": "open", "assignee": "adam", "notes": []},
}


def requires(role):
    def wrap(method):
        @functools.wraps(method)
        def checked(self, *args, **kwargs):
            if self.role < role:
                self.reply(error="forbidden")
                return None
            return method(self, *args, **kwargs)

        return checked

    return wrap


class DeskSocket(tornado.websocket.WebSocketHandler):
    def prepare(self):
        name = self.get_secure_cookie("desk", max_age_days=1)
        self.name = name.decode() if name else ""
        if self.name not in USERS:
            raise tornado.web.HTTPError(403)
        self.role = USERS[self.name]

    def reply(self, **body):
        self.write_message(json.dumps(body))

    def on_message(self, message):
        try:
            body = json.loads(message)
            handle = {"count": self.count, "assign": self.assign, "close": self.close_ticket}[body["action"]]
        except (ValueError, KeyError):
            return self.reply(error="bad request")
        handle(body)

    def count(self, body):
        self.reply(open=sum(t["state"] == "open" for t in TICKETS.values()))

    @requires(Role.LEAD)
    def assign(self, body):
        ticket = TICKETS[int(body["ticket"])]
        ticket["assignee"] = str(body["to"])
        self.reply(ok=True)

    @requires(Role.AGENT)
    def close_ticket(self, body):
        ticket = TICKETS[int(body["ticket"])]
        ticket["state"] = "closed"
        ticket["notes"].append((time.time(), self.name))
        self.reply(ok=True)


def make_app():
    return tornado.web.Application(
        [(r"/desk", DeskSocket)],
        cookie_secret=os.environ["DESK_SECRET"],
    )


if __name__ == "__main__":
    make_app().listen(7000)
    tornado.ioloop.IOLoop.current().start()
