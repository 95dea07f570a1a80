"""The server of `stormdoor demo`: creates all parts of the demo and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ipaddress
import logging
import shlex
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, url

from stormdoor import (
    ApiKeyAuthenticator,
    Guard,
    JwtAuthenticator,
    JwtIssuer,
    JwtKey,
    Limits,
    SecondFactor,
    SessionAuthenticator,
    TicketAuthenticator,
    client_routes,
    guarded_server,
    login_routes,
    protect,
    redacting_log_function,
)
from stormdoor.demo.chat import chat_handler
from stormdoor.demo.dashboard import Dashboard, dashboard_handler
from stormdoor.demo.pages import HERE, ForeignFile, Info, Metrics, Page, Static, TrailOfCaller
from stormdoor.demo.people import (
    PEOPLE,
    Secrets,
    Settled,
    configuration_of,
    load_secrets,
    settle,
    write_configuration,
)
from stormdoor.demo.placing import ALONE, Placing
from stormdoor.demo.policies import POLICIES
from stormdoor.demo.port import HOST, PORT
from stormdoor.demo.probing import write_identities
from stormdoor.demo.rooms import Rooms
from stormdoor.demo.twin import Twin
from stormdoor.runtime import migration
from stormdoor.settings.installation import own_command
from stormdoor.tornado.listener import GuardedServer

__all__ = [
    "Demo",
    "DemoAddresses",
    "announce",
    "bind_near",
    "bind_twin",
    "prepare",
    "serve",
    "servers_of",
]

_access = logging.getLogger("stormdoor.demo.access")

_ISSUER, _AUDIENCE = "stormdoor-demo", "stormdoor-demo"

LIMITS = Limits(
    # One browser on this machine has many users, and the attack page makes real attacks.
    handshakes_per_address="600/min burst 300",
    logins_per_address="600/min burst 300",
    foreign_per_address="600/min burst 300",
    failures_per_address="120/min burst 60",
    message_bytes=16 * 1024,
    bytes_per_connection="65536/s burst 262144",
)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _factor_key(secrets: Secrets) -> bytes | None:
    """Return the key that seals the secrets of TOTP; None, if its libraries are not installed."""
    missing = [one for one in ("pyotp", "segno") if importlib.util.find_spec(one) is None]
    return None if missing or secrets.factor_key is None else bytes.fromhex(secrets.factor_key)


def _log_request(handler: RequestHandler) -> None:
    """Log one line for an error of the server, without the query, which may contain secrets.

    Refusals are in the trail and in the guard's own log: a thousand refusals must not write a thousand
    lines.
    """
    status, request = handler.get_status(), handler.request
    if status >= 500:
        _access.warning(
            "%d %s %s (%s)", status, request.method, ascii(request.path), request.remote_ip
        )


def _bind(host: str, port: int) -> tuple[list[socket.socket], int]:
    sockets = bind_sockets(port, host)
    return sockets, sockets[0].getsockname()[1]


def bind_near(host: str, port: int) -> tuple[list[socket.socket], int]:
    """Bind a port near that of the demo if it is free, so that it is easy to remember; else any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Not `bind_sockets`, which leaves its socket open if the port is taken.
        one = socket.create_server((host, port), family=family)
    except (OSError, OverflowError):
        return _bind(host, 0)
    one.setblocking(False)
    return [one], port


def bind_twin(host: str, port: int) -> tuple[list[socket.socket], int | None]:
    """Bind the unguarded twin to loopback, and only if the demo itself is on loopback."""
    try:
        loopback = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return [], None
    return bind_near(str(loopback), port) if loopback.is_loopback else ([], None)


class Demo:
    """The demo as an application.

    Args:
        origins: The origins of its pages.
        foreign_origin: The origin of the foreign page, or None.
        twin_port: The port of the unguarded twin on loopback, or None.
        data: Its directory.
        store: URL of the store; None for a SQLite file in `data`.
        insecure_allow_plaintext: Serve other machines without TLS.
        placing: The place of this process among the workers of the demo.
    """

    def __init__(
        self,
        *,
        origins: list[str],
        foreign_origin: str | None,
        twin_port: int | None = None,
        data: Path,
        store: str | None = None,
        insecure_allow_plaintext: bool = False,
        placing: Placing = ALONE,
    ) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.origins = origins
        secrets = load_secrets(data)
        key = JwtKey("HS256", bytes.fromhex(secrets.token_key))
        url_of_store = store or f"sqlite:///{(data / 'demo.db').resolve()}"
        self.configuration = write_configuration(data, url_of_store, secrets)
        self.guard = Guard(
            origins=origins,
            authenticators=[
                SessionAuthenticator(),
                TicketAuthenticator(),
                ApiKeyAuthenticator(),
                JwtAuthenticator(
                    keys=[key], issuer=_ISSUER, audience=_AUDIENCE, principals="store"
                ),
            ],
            policies=POLICIES,
            limits=LIMITS,
            store=url_of_store,
            trail_key=bytes.fromhex(secrets.trail_key),
            insecure_allow_plaintext=insecure_allow_plaintext,
            second_factor=SecondFactor(name="stormdoor demo"),
            secrets_key=_factor_key(secrets),
        )
        rooms = Rooms(self.guard.channels)
        self.dashboard = Dashboard(self.guard, rooms)
        guard = {"guard": self.guard}
        page = {**guard, "foreign_origin": foreign_origin, "twin_port": twin_port}
        self.application = Application(
            [
                *login_routes(
                    self.guard,
                    endpoint="/ws/chat",
                    issuer=JwtIssuer(key, _ISSUER, _AUDIENCE, seconds=300),
                    after_login="/chat",
                    second_factor_page="/code",
                ),
                url("/", Page, {"template": "login.html", **page}),
                url("/code", Page, {"template": "login.html", **page}),
                url("/account", Page, {"template": "account.html", **page}),
                url("/chat", Page, {"template": "chat.html", **page}),
                url("/dashboard", Page, {"template": "dashboard.html", **page}),
                url("/attack", Page, {"template": "attack.html", **page}),
                url("/metrics", Metrics, guard),
                url("/demo/info", Info, page),
                url("/demo/trail", TrailOfCaller, guard),
                *client_routes(),
                url("/static/(.*)", Static, {"path": str(HERE / "static")}),
                url("/ws/chat", chat_handler(self.guard, rooms, placing)),
                url("/ws/dashboard", dashboard_handler(self.guard, self.dashboard, placing)),
            ],
            template_path=str(HERE / "templates"),
            websocket_ping_interval=20,
            log_function=redacting_log_function(_log_request),
        )
        protect(self.application, self.guard)


@dataclass(frozen=True, slots=True)
class DemoAddresses:
    """Where the demo listens.

    Attributes:
        host: The address to listen on.
        port: The port of the demo.
        foreign_port: The port of the foreign page.
        twin_port: The port of the unguarded twin on loopback, or None.
    """

    host: str
    port: int
    foreign_port: int
    twin_port: int | None

    @property
    def name(self) -> str:
        """The host in the addresses of the pages: a socket on all addresses is reached by loopback."""
        everywhere = ("", "0.0.0.0", "::")  # noqa: S104 - compared
        return "127.0.0.1" if self.host in everywhere else self.host

    @property
    def origin(self) -> str:
        """The origin that the demo tells its user."""
        return _url(self.name, self.port)

    def demo(
        self, data: Path, store: str | None, *, plaintext: bool, placing: Placing = ALONE
    ) -> Demo:
        """Return the demo at these addresses.

        Args:
            data: Its directory.
            store: URL of its store.
            plaintext: Serve other machines without TLS.
            placing: The place of this process among the workers.
        """
        port = self.port
        return Demo(
            origins=list(
                dict.fromkeys([self.origin, _url("127.0.0.1", port), _url("localhost", port)])
            ),
            foreign_origin=_url(self.name, self.foreign_port),
            twin_port=self.twin_port,
            data=data,
            store=store,
            insecure_allow_plaintext=plaintext,
            placing=placing,
        )


async def prepare(store: str | None) -> None:
    """Make the schema of a store on PostgreSQL. Every other store makes its own.

    Args:
        store: The URL of the store, with the login of the owner of its tables; None for a SQLite file.

    Raises:
        StormdoorError: The database does not answer, or its schema belongs to another release.
    """
    if store is not None and migration.on_postgresql(store):
        await migration.apply(store)


def servers_of(demo: Demo, twin: Twin) -> dict[str, GuardedServer]:
    """Return the servers of the demo, by the name of their sockets."""
    return {
        "http": guarded_server(demo.application, max_body_size=64 * 1024),
        "foreign": guarded_server(_foreign_application(demo.origins), guard=demo.guard),
        # The twin lacks every check but one: it must not use up the connections of the demo.
        "twin": guarded_server(twin.application, guard=demo.guard),
    }


async def serve(
    *,
    host: str = HOST,
    port: int = PORT,
    data: Path,
    store: str | None = None,
    insecure_allow_plaintext: bool = False,
    quiet: bool = False,
) -> None:
    """Serve the demo until SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port: The port; 0 for any.
        data: Directory for the database and `demo-credentials.json`.
        store: URL of another store.
        insecure_allow_plaintext: Serve other machines without TLS.
        quiet: Print nothing but `ready`.

    Raises:
        OSError: The port is taken.
        StormdoorError: The data directory is damaged, or the store does not answer.
    """
    with contextlib.ExitStack() as bound:
        sockets, port = _bind(host, port)
        await prepare(store)
        foreign, foreign_port = bind_near(host, port + 1)
        unguarded, twin_port = bind_twin(host, port + 2)
        for sock in sockets + foreign + unguarded:
            bound.callback(sock.close)
        addresses = DemoAddresses(host, port, foreign_port, twin_port)
        demo = addresses.demo(data, store, plaintext=insecure_allow_plaintext)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with demo.guard:
            settled = await settle(demo.guard, data)
            updates = asyncio.create_task(demo.dashboard.run(), name="dashboard")
            twin = Twin()
            servers = servers_of(demo, twin)
            for name, listening in (("http", sockets), ("foreign", foreign), ("twin", unguarded)):
                servers[name].add_sockets(listening)
            announce(addresses, data, settled, quiet=quiet)
            await stop.wait()
            for server in servers.values():
                server.stop()
            twin.close()
            updates.cancel()
        await asyncio.gather(*(one.close_all_connections() for one in servers.values()))


def announce(addresses: DemoAddresses, data: Path, settled: Settled, *, quiet: bool) -> None:
    """Print how to log in, operate and probe the demo, and that it is ready.

    Args:
        addresses: Where it listens.
        data: Its directory.
        settled: Its credentials.
        quiet: Print nothing but `ready`.
    """
    identities = write_identities(data, addresses.origin, settled.passwords)
    if not quiet:
        _say(_how_to_log_in(settled))
        configuration = shlex.quote(str(configuration_of(data)))
        _say(f"Operate it: {own_command()} trail show --config {configuration}")
        if importlib.util.find_spec("stormdoor_audit") is not None:
            _say(_how_to_probe(addresses.origin, identities))
        if addresses.twin_port is not None:
            _say(
                "Unguarded twin, vulnerable on purpose, on loopback only: "
                f"port {addresses.twin_port}"
            )
    _say(f"ready {addresses.origin}/")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the parent process waits for this line


def _foreign_application(origins: list[str]) -> Application:
    return Application(
        [
            url(
                r"/(foreign\.(?:html|js|css))",
                ForeignFile,
                {"path": str(HERE / "foreign"), "framed_by": " ".join(origins)},
            )
        ],
        log_function=_log_request,
    )


def _how_to_probe(origin: str, identities: Path) -> str:
    """Return the commands that probe the demo with all its identities."""
    address = f"ws{origin.removeprefix('http')}/ws/chat"
    more = f"--identities {shlex.quote(str(identities))} --logout /auth/logout --active"
    return f"Attack it from there: {own_command()} probe {address} {more}"


def _how_to_log_in(settled: Settled) -> str:
    """Return the lines about logging in, with the passwords if they are new and the output is a terminal.

    A file or another program that reads the output gets the name of the file instead.
    """
    people = {name: ", ".join(person.roles) or "no role" for name, person in PEOPLE.items()}
    if settled.new and sys.stdout.isatty():
        lines = [
            f"  {name:6} {settled.passwords[name]}  ({roles})" for name, roles in people.items()
        ]
        return "\n".join(
            [
                "Log in with one of these names and passwords:",
                *lines,
                "They are shown only at the first start. They are stored, with the API key of the",
                f"device sensor, in {settled.path}",
            ]
        )
    names = ", ".join(f"{name} ({roles})" for name, roles in people.items())
    return (
        f"Log in as {names}.\n"
        f"The passwords, and the API key of the device sensor, are in {settled.path}"
    )
