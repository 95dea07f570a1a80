"""The same register behind stormdoor: every decision is an entry of the trail, which is a chain."""

import secrets
from typing import Annotated

import msgspec
from msgspec import Meta
from tornado.web import Application

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

USERS = {"olga": "olga answers for the register", "mallory": "mallory is curious at night"}
ROLES = {"olga": ["doctor"], "mallory": ["clerk"]}

Name = Annotated[str, Meta(min_length=1, max_length=50)]


class Read(Command, tag="read"):
    """Read the entries about a principal."""

    patient: Name


class Erase(Command, tag="erase"):
    """Erase it."""

    patient: Name


class Done(Reply, tag="done"):
    """It is done."""


class ShowLog(Command, tag="log"):
    """Request for the log."""


class Log(Reply, tag="log"):
    """The entries of the trail, each as a line of JSON."""

    lines: list[str]


def register_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of the register."""

    class Register(GuardedHandler):
        """`/ws/register`: the doctor reads and erases, the clerk may do neither."""

        permission = "register:connect"

        @action[Read]("patient:read", resource=lambda command: ("patient", command.patient))
        def read(self, command: Read) -> Done:
            """Read."""
            return Done()

        @action[Erase]("patient:erase", resource=lambda command: ("patient", command.patient))
        def erase(self, command: Erase) -> Done:
            """Erase."""
            return Done()

        @action("log:read")
        async def log(self, command: ShowLog) -> Log:
            """Read the trail."""
            await guard.trail.flush()
            entries = await guard.state.trail.entries()
            return Log(lines=[msgspec.json.encode(one.event).decode() for one in entries])

    return Register


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("clerk", "register:connect"),
                role("doctor", "patient:*", "log:read", inherits=["clerk"]),
            ]
        ),
        trail_key=secrets.token_bytes(32),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=ROLES[name])
    routes = login_routes(guard, endpoint="/ws/register")
    return protect(Application([*routes, ("/ws/register", register_handler(guard))]), guard)
