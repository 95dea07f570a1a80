"""A guarded server in a process of its own: `python served.py FILE`. Prints its port, then serves."""

import asyncio
import sys
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from stormdoor import Command, Guard, GuardedHandler, Reply, action, login_routes, protect
from stormdoor.runtime import PolicyFile


class Say(Command, tag="say"):
    """Message of a client."""

    text: str


class Said(Reply, tag="said"):
    """The answer."""

    text: str


class Chat(GuardedHandler):
    """Answers what it is told."""

    permission = "chat:connect"

    @action("chat:say")
    async def say(self, command: Say) -> Said:
        """Say it back."""
        return Said(text=command.text)


async def main(path: Path) -> None:
    """Serve until killed."""
    guard = Guard.from_config(path)
    PolicyFile(guard, path).on_hangup()
    app = protect(
        Application(
            [("/chat", Chat), *login_routes(guard, endpoint="/chat")], websocket_ping_interval=20
        ),
        guard,
    )
    async with guard:
        sockets = bind_sockets(0, "127.0.0.1")
        HTTPServer(app).add_sockets(sockets)
        print(sockets[0].getsockname()[1], flush=True)  # noqa: T201 - for the test that started it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
