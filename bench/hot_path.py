"""The hot path in one process, without a socket but for one row. `budget.py` counts its instructions.

Reads lines from its standard input, `NAME COUNT`, does the named thing so many times, and answers each with
a line. The clock stands still and nothing waits, so that the same line is the same work each time.
"""

import asyncio
import gc
import json
import logging
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Final

import jwt
from echo_server import LIMITS, Echo
from policy import (
    AUDIENCE,
    ISSUER,
    PATH,
    PERMISSIONS,
    PRINCIPAL,
    PRINCIPAL_ROLES,
    ROLE_PERMISSIONS,
    SECRET,
)
from process import HOST as LOOPBACK
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application
from ws_load import upgrade

from stormdoor import (
    Guard,
    JwtAuthenticator,
    JwtKey,
    PolicySet,
    SessionAuthenticator,
    guarded_server,
    protect,
    role,
)
from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Refusal
from stormdoor.core.message import encode_reply
from stormdoor.guard.connection import Connection
from stormdoor.guard.endpoint import Endpoint
from stormdoor.tornado.handshake_parser import HandshakeParser

HOST: Final = "app.example"
NOW: Final = 1_800_000_000.0
REFERENCE: Final = "reference"
MESSAGE: Final = ('{"action":"send","room":"r1","text":"' + "x" * 40 + '"}').encode()


ACCOUNT: Final = Account(id=PRINCIPAL, roles=frozenset(PRINCIPAL_ROLES))
IDLE: Final = 1_000
"""Idle connections that are open all the time."""


class StillClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        """Unix seconds."""
        return NOW + self.seconds

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return self.seconds


class _Context:
    address = ("192.0.2.1", 50000)
    protocol = "https"


class _Connection:
    context = _Context()


def request(*headers: tuple[str, str]) -> HTTPServerRequest:
    """An upgrade request as Tornado makes it of what a browser sends."""
    found = HTTPHeaders()
    for name, value in (
        ("Host", HOST),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
        ("Origin", f"https://{HOST}"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
        *headers,
    ):
        found.add(name, value)
    line = RequestStartLine("GET", PATH, "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=found, connection=_Connection())  # type: ignore[arg-type]


class Wire:
    """Handshakes from the accepted connection on, which the front serves, with their closes.

    The instructions of the client are counted, too: it connects, sends, reads the 101 and closes.
    """

    def __init__(self, clock: StillClock, listening: socket.socket) -> None:
        self._clock = clock
        self._listening = listening
        self._port = listening.getsockname()[1]
        self._guard = _guard(clock, f"http://{LOOPBACK}:{self._port}")
        self._request = b""

    async def start(self) -> None:
        """Serve, without the maintenance loop."""
        guard = self._guard
        await guard.start()
        await stop_maintenance(guard)
        await guard.state.accounts.add_account(ACCOUNT)
        session = (await guard.sessions.create(PRINCIPAL)).secret
        cookie = f"Cookie: {guard.sessions.cookie.name}={session}"
        self._request = upgrade(self._port, PATH, [cookie])
        application = Application([(PATH, Echo)], log_function=lambda _: None)
        protect(application, guard)
        guarded_server(application).add_socket(self._listening)

    async def handshakes(self, count: int) -> None:
        """Connect, be admitted, and close."""
        for _ in range(count):
            self._clock.seconds += 0.02
            with socket.create_connection((LOOPBACK, self._port)) as client:
                client.sendall(self._request)
                client.setblocking(False)
                await _until(lambda: len(self._guard.registry) == 1)
                await _until(lambda: _received(client).startswith(b"HTTP/1.1 101 "))
            await _until(lambda: not len(self._guard.registry))
        await self._guard.trail.flush()


async def stop_maintenance(guard: Guard) -> None:
    """Cancel the maintenance loop: only the measured code may run."""
    stopping, loop = guard._stopping, guard._maintenance  # noqa: SLF001 - a guard has no other way
    assert stopping is not None
    assert loop is not None
    stopping.set()
    loop.cancel()
    await asyncio.wait([loop])


async def _until(done: Callable[[], bool]) -> None:
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0)
    raise RuntimeError("the server does not answer")


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(4096)
    except BlockingIOError:
        return b""


class Path:
    """The counted code, by name."""

    def __init__(
        self,
        guard: Guard,
        clock: StillClock,
        session: str,
        *,
        stored: str,
        file: Guard,
        wire: Wire,
    ) -> None:
        self._guard = guard
        self._file = file
        self._found = fingerprint(stored)
        self._clock = clock
        credentials = guard.credentials
        self._parser = HandshakeParser(
            credentials.places,
            guard.trusted_proxies,
            headers=credentials.headers,
            exclusive=credentials.exclusive_headers,
        )
        self._endpoint = Endpoint.declare("bench.Echo", PERMISSIONS[0])
        token = _token(clock, SECRET)
        self._session = request(("Cookie", f"{guard.sessions.cookie.name}={session}"))
        self._token = request(("Authorization", f"Bearer {token}"))
        self._forged = request(("Authorization", f"Bearer {_token(clock, 'not the key ' * 4)}"))
        self._nothing = request()
        self._foreign = request(("Cookie", f"{guard.sessions.cookie.name}={session}"))
        self._foreign.headers["Origin"] = "https://attacker.example"
        self._open: Connection | None = None
        self.work: Mapping[str, Callable[[int], object]] = {
            REFERENCE: _reference,
            "message": self._messages,
            "message over the limit": self._flood,
            "handshake, session": lambda count: self._handshakes(self._session, count),
            "handshake, token remembered": lambda count: self._handshakes(self._token, count),
            "handshake from the socket on, session": wire.handshakes,
            "refused, no credential": lambda count: self._refusals(self._nothing, count),
            "refused, foreign origin": lambda count: self._refusals(self._foreign, count),
            "refused, bad signature": lambda count: self._refusals(self._forged, count),
            "tick": self._ticks,
            "session look-up, SQLite": self._look_ups,
        }

    async def start(self) -> None:
        """Open the connection that messages come on."""
        handshake = self._parser.parse(self._token)
        found = await self._guard.admission.admit(handshake, self._endpoint)
        assert isinstance(found, Connection), found
        assert self._guard.registry.opened(found)
        self._open = found
        for _ in range(IDLE):
            found = await self._guard.admission.admit(handshake, self._endpoint)
            assert isinstance(found, Connection), found
            assert self._guard.registry.opened(found)

    async def _ticks(self, count: int) -> None:
        """Runs of the maintenance loop beside idle connections, which must not be read."""
        for _ in range(count):
            self._clock.seconds += 0.25
            await self._guard.tick()

    async def _look_ups(self, count: int) -> None:
        """Reads of one session and its account from a file, which another process may have changed."""
        for _ in range(count):
            assert await self._file.state.sessions.session(self._found) is not None

    def _messages(self, count: int) -> None:
        guard, connection, actions = self._guard, self._open, Echo.actions
        assert connection is not None
        assert actions is not None
        for _ in range(count):
            self._clock.seconds += 0.001
            verdict = guard.inbound.receive_text(connection, MESSAGE, actions)
            assert isinstance(verdict, tuple)
            encode_reply(verdict[1], verdict[1].id)

    def _flood(self, count: int) -> None:
        guard, connection, actions = self._guard, self._open, Echo.actions
        assert connection is not None
        assert actions is not None
        for _ in range(count):
            # So far ahead that nothing fits; never so often in a minute that it is closed for it.
            connection.message_tat = self._clock.seconds + 1e6
            connection.offence_tat = 0.0
            verdict = guard.inbound.receive_text(connection, MESSAGE, actions)
            assert not isinstance(verdict, tuple)
        connection.message_tat = 0.0

    async def _handshakes(self, one: HTTPServerRequest, count: int) -> None:
        """Admitted, opened, closed, and both entries sealed."""
        guard = self._guard
        for _ in range(count):
            # 50 in a second: more than 64 of one principal are one entry.
            self._clock.seconds += 0.02
            handshake = self._parser.parse(one)
            found = await guard.admission.admit(handshake, self._endpoint)
            assert isinstance(found, Connection), found
            guard.registry.opened(found)
            guard.registry.end(found)
        await guard.trail.flush()

    async def _refusals(self, one: HTTPServerRequest, count: int) -> None:
        guard = self._guard
        for _ in range(count):
            # A second each: equal refusals within one second are one entry.
            self._clock.seconds += 1.0
            handshake = self._parser.parse(one)
            found = await guard.admission.admit(handshake, self._endpoint)
            assert isinstance(found, Refusal), found
        await guard.trail.flush()


def _reference(count: int) -> None:
    """Code without stormdoor: another build of Python needs more or fewer instructions for it as well."""
    for _ in range(count):
        made = request(("Cookie", "a=1; b=2"))
        assert made.cookies["a"].value == "1"
        for _ in range(10):
            json.dumps(json.loads(MESSAGE))


def _token(clock: StillClock, key: str) -> str:
    now = int(clock.now())
    return jwt.encode(
        {
            "sub": PRINCIPAL,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 80_000,
            "jti": "one-and-the-same",
            "roles": list(PRINCIPAL_ROLES),
        },
        key,
        algorithm="HS256",
    )


async def run() -> None:
    """Obeys until its input ends."""
    logging.disable(logging.CRITICAL)  # ten lines a minute, not at each
    clock = StillClock()
    guard = _guard(clock, f"https://{HOST}")
    with (
        tempfile.TemporaryDirectory(prefix="stormdoor-budget-") as directory,
        socket.create_server((LOOPBACK, 0)) as listening,
    ):
        listening.setblocking(False)
        wire = Wire(clock, listening)
        await wire.start()
        file = Guard(
            origins=[f"https://{HOST}"],
            authenticators=[SessionAuthenticator()],
            policies=PolicySet([]),
            sessions={"idle_seconds": 80_000.0, "absolute_seconds": 80_000.0},
            clock=clock,
            store=f"sqlite://{directory}/door.db",
        )
        await _obey(guard, clock, file, wire)
        await file.close()


def _guard(clock: StillClock, origin: str) -> Guard:
    return Guard(
        origins=[origin],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE),
            SessionAuthenticator(),
        ],
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
        sessions={"idle_seconds": 80_000.0, "absolute_seconds": 80_000.0},
        clock=clock,
    )


async def _obey(guard: Guard, clock: StillClock, file: Guard, wire: Wire) -> None:
    # No maintenance loop: only the measured code may run.
    await guard.state.open()
    await guard.follower.start()
    await guard.state.accounts.add_account(ACCOUNT)
    session = (await guard.sessions.create(PRINCIPAL)).secret
    await file.state.open()
    await file.state.accounts.add_account(ACCOUNT)
    stored = (await file.sessions.create(PRINCIPAL)).secret
    path = Path(guard, clock, session, stored=stored, file=file, wire=wire)
    await path.start()
    for work in path.work.values():
        await _done(work(20))
    gc.collect()
    gc.freeze()
    gc.disable()
    print("\n".join(path.work), end="\n\n", flush=True)
    while line := sys.stdin.readline().strip():
        name, _, count = line.rpartition(" ")
        await _done(path.work[name](int(count)))
        print("done", flush=True)


async def _done(outcome: object) -> None:
    if asyncio.iscoroutine(outcome):
        await outcome


if __name__ == "__main__":
    asyncio.run(run())
