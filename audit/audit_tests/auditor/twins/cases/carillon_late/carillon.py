import functools
import json
import os

from tornado import ioloop
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketHandler


def ringers_only(method):
    @functools.wraps(method)
    async def checked(self, *args, **kwargs):
        ringer = self.get_signed_cookie("ringer")
        if ringer is None:
            raise HTTPError(401)
        self.ringer = ringer.decode()
        result = method(self, *args, **kwargs)
        return result if result is None else await result

    return checked


def for_ringers(handler):
    """Class decorator: only ringers reach the handler."""
    handler.get = ringers_only(handler.get)
    return handler


@for_ringers
class Carillon(WebSocketHandler):
    bells = []

    def open(self):
        self.write_message({"bells": len(self.bells)})

    def on_message(self, message):
        self.bells.append({"ringer": self.ringer, "tone": str(json.loads(message)["tone"])})


if __name__ == "__main__":
    Application([(r"/carillon", Carillon)], cookie_secret=os.environ["TOWER_SECRET"]).listen(8318)
    ioloop.IOLoop.current().start()
