"""The application that the deployment files serve: a guarded chat. Replace it with yours."""

import os

from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Line,
    Reply,
    action,
    health_routes,
    login_routes,
    protect,
)


class Say(Command, tag="say"):
    """A message of a member."""

    text: Line


class Said(Reply, tag="said"):
    """The answer, with the process that gave it."""

    text: str
    node: str


def make() -> Application:
    """Return the application of one worker, with a guard of its own."""
    guard = Guard.from_config(os.environ.get("STORMDOOR_CONFIG", "stormdoor.toml"))

    class Chat(GuardedHandler):
        """A socket that repeats each message."""

        permission = "chat:connect"

        @action("chat:say", limit="5/s burst 10")
        def say(self, command: Say) -> Said:
            return Said(text=command.text, node=guard.registry.node)

    application = Application(
        [("/chat", Chat), *login_routes(guard, endpoint="/chat"), *health_routes(guard)],
        websocket_ping_interval=20,
    )
    return protect(application, guard)
