"""The same dashboard behind stormdoor: a key has its algorithm, and the store knows the roles."""

import secrets

from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    PolicySet,
    Reply,
    SessionAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"alice": "alice has a quiet night shift", "ada": "ada runs this whole factory"}
ROLES = {"alice": "worker", "ada": "engineer"}


class Hello(Reply, tag="hello"):
    """The identity of the user."""

    user: str


class OpenValve(Command, tag="open-valve"):
    """Open a valve."""

    valve: Identifier


class Opened(Reply, tag="opened"):
    """It is open."""

    valve: str


class Dashboard(GuardedHandler):
    """`/ws/dashboard`: engineers see the valves, and open them."""

    permission = "dashboard:connect"

    def open(self, *args: str, **kwargs: str) -> None:
        self.send(Hello(user=self.principal.id))

    @action[OpenValve]("valve:open", resource=lambda command: ("valve", command.valve))
    def open_valve(self, command: OpenValve) -> Opened:
        """Open it."""
        return Opened(valve=command.valve)


async def make(origin: str) -> Application:
    """The application."""
    key = JwtKey("HS256", secrets.token_bytes(32))
    guard = Guard(
        origins=[origin],
        authenticators=[
            SessionAuthenticator(),
            JwtAuthenticator(
                keys=[key], issuer="factory", audience="dashboard", principals="store"
            ),
        ],
        policies=PolicySet(
            [
                role("worker", "dashboard:connect"),
                role("engineer", "valve:open", inherits=["worker"]),
            ]
        ),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=[ROLES[name]])
    routes = login_routes(
        guard, endpoint="/ws/dashboard", issuer=JwtIssuer(key, "factory", "dashboard")
    )
    return protect(Application([*routes, ("/ws/dashboard", Dashboard)]), guard)
