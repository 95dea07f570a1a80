"""The same desk, the feed's code as it was, behind `protect`."""

from typing import ClassVar

from tornado.ioloop import PeriodicCallback
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, PolicySet, SessionAuthenticator, login_routes, protect, role

USERS = {"nora": "nora trades copper and tin"}
BOOK = {"type": "book", "desk": "metals", "positions": {"copper": 1200, "tin": -300}}


class Feed(WebSocketHandler):
    clients: ClassVar[set["Feed"]] = set()

    def open(self, *args: str, **kwargs: str) -> None:
        Feed.clients.add(self)
        self.write_message(BOOK)

    def on_message(self, message: str | bytes) -> None:
        pass

    def on_close(self) -> None:
        Feed.clients.discard(self)


def tick() -> None:
    for client in Feed.clients:
        client.write_message(BOOK)


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("trader", "book:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["trader"])
    PeriodicCallback(tick, 500).start()
    routes = login_routes(guard, endpoint="/ws/book")
    return protect(
        Application([*routes, ("/ws/book", Feed)], websocket_ping_interval=20),
        guard,
        "book:connect",
    )
