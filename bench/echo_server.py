"""The benchmark's guarded server, built from the public API of stormdoor alone.

`GET /ws` with a bearer token, a session cookie or an API key; each message is checked for expiry,
revocation, limits, schema and permission, and answered with the same object.
"""

import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
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
from serving import allow_slow_store, parser, publish, run_loop, serve
from tornado.web import Application

from stormdoor import (
    ApiKeyAuthenticator,
    Command,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    Limits,
    PolicySet,
    SessionAuthenticator,
    action,
    permit,
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

# All rates of an address, also those that a later release adds.
RATES: dict[str, Any] = {
    one.name: "1000000/s"
    for one in fields(Limits)
    if one.name.endswith("_per_address") and isinstance(one.default, str)
}
# Never reached, so that a row times the path that it names; each limit is still checked.
LIMITS = Limits(
    **RATES,
    connections_per_address=100_000,
    connections_per_principal=100_000,
    connections=100_000,
    messages_per_connection=f"{RATE}/s",
    bytes_per_connection="100000000/s",
    messages_per_principal="1000000/s",
)


def make_policies(count: int) -> PolicySet:
    """The roles of the benchmark, and so many policies, each about a permission of its own."""
    roles = [role(name, *held) for name, held in ROLE_PERMISSIONS.items()]
    return PolicySet([*roles, *(permit(f"extra{n}:use", id=f"extra{n}") for n in range(count))])


def make_guard(
    port: int,
    directory: Path,
    policies: int = 0,
    limits: Limits = LIMITS,
    *,
    fast: bool = True,
    store: str | None = None,
    trusted_proxies: Sequence[str] = (),
) -> Guard:
    """A guard with the benchmark's key and policy, and its state in `store`, else in `directory`."""
    return Guard(
        origins=[f"http://127.0.0.1:{port}"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE),
            SessionAuthenticator(),
            ApiKeyAuthenticator(),
        ],
        policies=make_policies(policies),
        limits=limits,
        fast=fast,
        trusted_proxies=trusted_proxies,
        store=store or f"sqlite://{directory.resolve()}/door.db",
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
    limits = LIMITS
    if options.hold is not None:
        # As few as by default; refused as often as you like, so that the cost of it can be measured.
        rate = Limits().messages_per_connection
        limits = replace(
            limits, messages_per_connection=rate, hold_seconds=options.hold, offences=1_000_000
        )
    allow_slow_store()
    guard = make_guard(
        *(options.port, directory, options.policies, limits),
        fast=not options.tornado,
        store=options.store,
        trusted_proxies=options.trusted_proxy,
    )
    protect(application, guard)
    async with guard:
        publish({**await credentials(guard), "store": f"{directory}/door.db"})
        await serve(application, options.port, options.tls, plain=options.app_listen)


def main() -> None:
    """Serves the guarded echo."""
    arguments = parser(__doc__)
    arguments.add_argument("--action", choices=HANDLERS, default="sync")
    arguments.add_argument("--policies", type=int, default=0, help="so many, beside the roles")
    arguments.add_argument("--tornado", action="store_true", help="on Tornado's own protocol")
    arguments.add_argument(
        "--trusted-proxy", action="append", default=[], metavar="NETWORK", help="trusted_proxies"
    )
    arguments.add_argument(
        "--app-listen", action="store_true", help="app.listen instead of guarded_server"
    )
    arguments.add_argument("--store", help="URL of the store; a new SQLite file by default")
    arguments.add_argument(
        "--hold", type=float, help="the usual rate of messages, and hold_seconds"
    )
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-echo-") as directory:
        run_loop(run(options, Path(directory).resolve()), uvloop=options.uvloop)


if __name__ == "__main__":
    main()
