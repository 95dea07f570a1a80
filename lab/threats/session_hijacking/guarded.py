"""The same dashboard behind stormdoor: a new secret at each login, a logout that ends the session."""

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

USERS = {"alice": "alice looks after the turbines"}


class Page(RequestHandler):
    def get(self) -> None:
        self.write("<!doctype html><title>Turbines</title>")


class Ask(Command, tag="state"):
    pass


class State(Reply, tag="state"):
    user: str
    turbines: list[int]


class Turbines(GuardedHandler):
    permission = "turbines:connect"

    @action("turbines:read", limit="5/s")
    def state(self, command: Ask) -> State:
        return State(user=self.principal.id, turbines=[87, 91, 0])


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("engineer", "turbines:*")]),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=["engineer"])
    routes = login_routes(guard, endpoint="/ws/turbines")
    return protect(
        Application([*routes, ("/", Page), ("/ws/turbines", Turbines)], websocket_ping_interval=20),
        guard,
    )
