"""A server for `load.py`: sockets, a login and a page, guarded or in plain Tornado.

The plain server verifies passwords with Argon2 in two threads, and checks nothing else.

    python load_server.py --port 9000 --way guarded
"""

import asyncio
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import argon2
from serving import parser, publish, run_loop, until_stopped
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import (
    Guard,
    PolicySet,
    SessionAuthenticator,
    guarded_server,
    login_routes,
    protect,
    role,
)

MEMBERS = 12
PASSWORD = "correct horse battery staple"


class Echo(WebSocketHandler):
    """Echoes each message."""

    def on_message(self, message: str | bytes) -> None:
        """Echo one message."""
        self.write_message(message)


class Page(RequestHandler):
    """A small page."""

    def get(self) -> None:
        """Answer with the page."""
        self.finish("<!doctype html><title>page</title>" + "x" * 2000)


class PlainLogin(RequestHandler):
    """A login without any limit."""

    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    stored = hasher.hash(PASSWORD)
    pool = ThreadPoolExecutor(2)

    async def post(self) -> None:
        """Verify a password; every user name has the same one."""
        body = json.loads(self.request.body)
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self.pool, self._verify, body["password"]):
            self.finish({"ok": True})
        else:
            self.set_status(401)

    def _verify(self, password: str) -> bool:
        try:
            return self.hasher.verify(self.stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False


async def _plain(port: int) -> None:
    publish({})
    application = Application([("/ws", Echo), ("/page", Page), ("/auth/login", PlainLogin)])
    application.settings["log_function"] = _say_nothing
    application.listen(port, "127.0.0.1", backlog=4096)
    await until_stopped()


async def _guarded(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        guard = Guard(
            origins=[f"http://127.0.0.1:{port}"],
            authenticators=[SessionAuthenticator()],
            policies=PolicySet([role("member", "bench:connect")]),
            store=f"sqlite:///{Path(folder) / 'load.db'}",
            trail_key=os.urandom(32),
        )
        application = Application(
            [("/ws", Echo), ("/page", Page), *login_routes(guard, endpoint="/ws")],
            log_function=_say_nothing,
            websocket_ping_interval=20,
        )
        protect(application, guard, "bench:connect")
        async with guard:
            found = {}
            for number in range(MEMBERS):
                name = f"member-{number}"
                await guard.admin.add_principal(name, roles=["member"], password=PASSWORD)
                secret = (await guard.sessions.create(name)).secret
                found[name] = f"{guard.sessions.cookie.name}={secret}"
            publish(found)
            await guard.passwords._run(_step_back)  # noqa: SLF001 - of one processor it has one thread
            server = guarded_server(application)
            server.add_sockets(bind_sockets(port, "127.0.0.1", backlog=4096))
            await until_stopped()
            server.stop()


def _step_back() -> None:
    """Under `chrt --rr`, put the thread that hashes below the others: niceness counts for nothing there."""
    policy = os.sched_getscheduler(0)
    if policy == os.SCHED_RR:
        one_less = os.sched_getparam(0).sched_priority - 1
        os.sched_setscheduler(0, policy, os.sched_param(one_less))


def _say_nothing(_: Any) -> None:
    """Write no access log, since its cost would be measured as well."""


def main() -> None:
    """Serve until SIGTERM."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--way", choices=["plain", "guarded"], required=True)
    options = arguments.parse_args()
    way = _plain if options.way == "plain" else _guarded
    run_loop(way(options.port), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
