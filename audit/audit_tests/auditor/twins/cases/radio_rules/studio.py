import json
import os

from rules import RULES, Person, Show
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


class Studio(WebSocketHandler):
    def initialize(self, people, shows):
        self.people = people
        self.shows = shows

    def prepare(self):
        name = self.get_signed_cookie("person")
        self.person = self.people.get(name.decode()) if name else None
        if self.person is None:
            raise HTTPError(403)

    def on_message(self, message):
        name, verb, argument = json.loads(message)
        show = self.shows.get(name)
        rule = RULES.get(verb)
        if show is None or rule is None or not rule(self.person, show):
            self.write_message({"error": "refused"})
            return
        getattr(show, verb)(self.person.name, argument)
        self.write_message({"queue": show.queue})


def make_app(people, shows):
    return Application([(r"/studio", Studio, {"people": people, "shows": shows})], cookie_secret=os.environ["STUDIO_SECRET"])


if __name__ == "__main__":
    make_app({"sam": Person("sam", manages=True)}, {"morning": Show("sam")}).listen(8312)
    IOLoop.current().start()
