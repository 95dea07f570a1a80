"""The same chat behind stormdoor: an exact list of origins is what a guard begins with."""

from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice writes to her doctor"}
HISTORY = ["alice: is the result of the test there?", "doctor: yes, please come by on Monday"]


class Page(RequestHandler):
    def get(self) -> None:
        self.write("<!doctype html><title>Chat</title>")


class AskHistory(Command, tag="history"):
    pass


class History(Reply, tag="history"):
    lines: list[str]


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:read", limit="5/s")
    def history(self, command: AskHistory) -> History:
        return History(lines=HISTORY)


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("patient", "chat:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["patient"])
    routes = login_routes(guard, endpoint="/ws/chat")
    return protect(
        Application([*routes, ("/", Page), ("/ws/chat", Chat)], websocket_ping_interval=20), guard
    )
