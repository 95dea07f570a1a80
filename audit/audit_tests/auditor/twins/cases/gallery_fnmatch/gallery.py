import json
import os
from fnmatch import fnmatchcase

from tornado.ioloop import IOLoop
from tornado.web import Application, authenticated
from tornado.websocket import WebSocketHandler

PAGES = ["https://gallery.example", "https://*.gallery.example"]


class Signed:
    def get_current_user(self):
        return self.get_signed_cookie("visitor", max_age_days=2)


class Guestbook(Signed, WebSocketHandler):
    lines = []

    def check_origin(self, origin):
        return origin.count("/") == 2 and any(fnmatchcase(origin, page) for page in PAGES)

    @authenticated
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)

    def on_message(self, message):
        line = {"by": self.current_user.decode(), "text": str(json.loads(message)["text"])}
        self.lines.append(line)
        self.write_message({"lines": len(self.lines)})


def make_app():
    return Application([(r"/guestbook", Guestbook)], cookie_secret=os.environ["GALLERY_SECRET"], login_url="/login")


if __name__ == "__main__":
    make_app().listen(8316)
    IOLoop.current().start()
