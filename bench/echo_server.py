"""The benchmark's guarded server, built from the public API of stormdoor alone.

`GET /ws` with a bearer token, a session cookie or an API key; each message is checked for expiry,
revocation, limits, schema and permission, and answered with the same object.
"""

import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Annotated

import serving
from policy import (
    ACTION_PERMISSIONS,
    AUDIENCE,
    ISSUER,
    PATH,
    PERMISSIONS,
    PRINCIPAL,
    PRINCIPAL_ROLES,
    RATE,
    ROLE_PERMISSIONS,
    SECRET,
)
from serving import parser, publish, serve
from tornado.web import Application

from stormdoor import (
    ApiKeyAuthenticator,
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    Limits,
    Meta,
    PolicySet,
    SessionAuthenticator,
    action,
    protect,
    role,
)

Room = Annotated[str, Meta(min_length=1, max_length=32)]


class Send(Command, tag_field="action", tag="send"):
    """The message that the benchmark sends."""

    room: Room
    text: Annotated[str, Meta(max_length=2000)]


class Join(Command, tag_field="action", tag="join"):
    """A second kind of message, as a real application has more than one."""

    room: Room


class Echo(GuardedHandler):
    """Answers a message with itself."""

    permission = PERMISSIONS[0]

    @action(ACTION_PERMISSIONS["send"])
    def send_text(self, command: Send) -> Send:
        """Answers at once."""
        return command

    @action(ACTION_PERMISSIONS["join"])
    def join(self, command: Join) -> Join:
        """Answers at once."""
        return command


class AsyncEcho(GuardedHandler):
    """The same with coroutines, which an action that waits for something must be."""

    permission = PERMISSIONS[0]

    @action(ACTION_PERMISSIONS["send"])
    async def send_text(self, command: Send) -> Send:
        """Answers from a coroutine."""
        return command

    @action(ACTION_PERMISSIONS["join"])
    async def join(self, command: Join) -> Join:
        """Answers from a coroutine."""
        return command


HANDLERS = {"sync": Echo, "async": AsyncEcho}

# Never reached, so that only the accepting path is timed; every one is still checked.
LIMITS = Limits(
    handshakes_per_address="1000000/s",
    failures_per_address="1000000/s",
    connections_per_address=100_000,
    connections_per_principal=100_000,
    connections=100_000,
    messages_per_connection=f"{RATE}/s",
    bytes_per_connection="100000000/s",
    messages_per_principal="1000000/s",
)


def make_guard(port: int, directory: Path) -> Guard:
    """A guard with the benchmark's key and policy, and its state in `directory`."""
    return Guard(
        origins=[f"http://127.0.0.1:{port}"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE),
            SessionAuthenticator(),
            ApiKeyAuthenticator(),
        ],
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
        store=f"sqlite://{directory.resolve()}/door.db",
    )


async def credentials(guard: Guard) -> dict[str, str]:
    """A principal's session cookie and API key, for the client."""
    await guard.admin.add_principal(PRINCIPAL, roles=PRINCIPAL_ROLES)
    session = await guard.sessions.create(PRINCIPAL)
    key = await guard.admin.issue_key(PRINCIPAL, name="benchmark", scopes=["*"])
    return {
        "session": f"{guard.sessions.cookie.name}={session.secret}",
        "api_key": key.secret,
    }


async def run(options: Namespace, directory: Path) -> None:
    """Serves until SIGTERM, then closes the guard."""
    application = Application(
        [(PATH, HANDLERS[options.action])],
        log_function=lambda _: None,
    )
    guard = make_guard(options.port, directory)
    protect(application, guard)
    async with guard:
        publish(await credentials(guard))
        await serve(application, options.port)


def main() -> None:
    """Serves the guarded echo."""
    arguments = parser(__doc__)
    arguments.add_argument("--action", choices=HANDLERS, default="sync")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-echo-") as directory:
        serving.run(run(options, Path(directory)), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
