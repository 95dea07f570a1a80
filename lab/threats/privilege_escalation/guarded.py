"""The same heating behind stormdoor: a permission for each action, and a tenant for each boiler."""

from typing import Annotated

from msgspec import Meta
from tornado.web import Application

from stormdoor import (
    Command,
    ErrorReply,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    Resource,
    SessionAuthenticator,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"tom": "tom lives in the north house", "sue": "sue owns the house in the south"}
HOUSES = {"north-1": "north", "south-1": "south"}
boilers = {"north-1": 20, "south-1": 21}


class Read(Command, tag="read"):
    boiler: Identifier


class Set(Command, tag="set"):
    boiler: Identifier
    value: Annotated[int, Meta(ge=5, le=30)]


class Drain(Command, tag="drain"):
    boiler: Identifier


class Degrees(Reply, tag="degrees"):
    boiler: str
    value: int


def boiler(command: Read | Set | Drain) -> Resource:
    """Return the boiler; an unknown one has a tenant without users."""
    return Resource("boiler", command.boiler, tenant=HOUSES.get(command.boiler, "nobody"))


class Heating(GuardedHandler):
    permission = "heating:connect"

    @action("heating:read", resource=boiler)
    def read(self, command: Read) -> Reply:
        return self.answer(command.boiler)

    @action("heating:set", resource=boiler, limit="5/s")
    def set(self, command: Set) -> Reply:
        boilers[command.boiler] = command.value
        return self.answer(command.boiler)

    @action("heating:drain", resource=boiler)
    def drain(self, command: Drain) -> Reply:
        boilers[command.boiler] = 0
        return self.answer(command.boiler)

    def answer(self, name: str) -> Degrees | ErrorReply:
        return Degrees(boiler=name, value=boilers[name])


async def make(origin: str) -> Application:
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("tenant", "heating:connect", "heating:read", "heating:set"),
                role("owner", "heating:drain", inherits=["tenant"]),
            ]
        ),
        production=False,
    )
    await guard.start()
    for name, house, grant in (("tom", "north", "tenant"), ("sue", "south", "owner")):
        await guard.admin.add_principal(name, password=USERS[name], roles=[grant], tenant=house)
    routes = login_routes(guard, endpoint="/ws/heating")
    return protect(
        Application([*routes, ("/ws/heating", Heating)], websocket_ping_interval=20), guard
    )
