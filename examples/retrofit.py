"""An application that was there before, with its own login and protocol, guarded by one line.

Run it and open http://127.0.0.1:8888/. Without the line near the end every client may listen and speak.
"""

import asyncio
import json
import secrets
from typing import ClassVar

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, PolicySet, SignedCookieAuthenticator, protect, role

COOKIE_SECRET = secrets.token_hex(32)

PAGE = """<!doctype html><title>Feed</title>
<form method="post" action="/login"><input name="name" value="alice"><button>Log in</button></form>
<pre id="feed"></pre><script src="/feed.js"></script>"""

SCRIPT = """
const show = line => document.querySelector("#feed").append(line + "\\n");
const socket = new WebSocket(location.origin.replace("http", "ws") + "/feed");
socket.onopen = () => socket.send("hello");
socket.onmessage = event => show(event.data);
socket.onclose = event => show("closed " + event.code);
"""

# The application as it was ------------------------------------------------------------------


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


class Script(RequestHandler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript")
        self.write(SCRIPT)


class Login(RequestHandler):
    def post(self) -> None:
        self.set_signed_cookie("user", self.get_body_argument("name"), httponly=True)
        self.redirect("/")


class Feed(WebSocketHandler):
    listeners: ClassVar[set["Feed"]] = set()

    def check_origin(self, origin: str) -> bool:
        return True  # "it did not work behind the proxy"

    def open(self) -> None:
        self.name = (self.get_signed_cookie("user") or b"somebody").decode()
        self.listeners.add(self)

    def on_message(self, message: str | bytes) -> None:
        for one in self.listeners:
            one.write_message(json.dumps({"name": self.name, "text": str(message)}))

    def on_close(self) -> None:
        self.listeners.discard(self)


app = Application(
    [("/", Page), ("/feed.js", Script), ("/login", Login), ("/feed", Feed)],
    cookie_secret=COOKIE_SECRET,
    websocket_ping_interval=20,
)

# What is new --------------------------------------------------------------------------------

guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[SignedCookieAuthenticator("user", COOKIE_SECRET, roles=["member"])],
    policies=PolicySet([role("member", "feed:*")]),
)
protect(app, guard, "feed:connect")


async def main() -> None:
    app.listen(8888, "127.0.0.1")
    print("http://127.0.0.1:8888/")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
