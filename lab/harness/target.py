"""The tools of an attack: the server's address, a victim, a hostile site, and a browser."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

    from lab.harness.hostile import Hostile

__all__ = ["Line", "Outcome", "Refused", "Session", "Socket", "Target"]

OWN: Final = "the origin of the server's own pages"
PATIENCE = 5.0
_LONGEST = 400


class Refused(Exception):
    """The server did not let the attack go on: no 101, an error, a closed socket."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript.

    Attributes:
        at: Seconds since the attack began.
        who: Who does it: `attacker`, `alice`.
        way: `>` sent to the server, `<` received from it, `-` a remark.
        text: What.
    """

    at: float
    who: str
    way: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attack.

    Attributes:
        succeeded: The attacker has got what it came for.
        said: What that is, or what stopped it; one sentence.
        transcript: How it went.
    """

    succeeded: bool
    said: str
    transcript: tuple[Line, ...] = ()


@dataclass(slots=True)
class Session:
    """A client with a cookie jar.

    Attributes:
        who: Its name in transcripts.
        cookies: What the server has set; written to plant something.
        set_cookies: The `Set-Cookie` headers as they came, with their attributes.
    """

    who: str
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    def header(self) -> dict[str, str]:
        """The `Cookie` header, if there is anything to send."""
        text = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": text} if text else {}


class Socket:
    """An open WebSocket; everything that passes is written into the transcript.

    Args:
        connection: The connection.
        target: The target with the transcript.
        who: Who speaks.
    """

    def __init__(self, connection: ClientConnection, target: Target, who: str) -> None:
        self.connection = connection
        self.who = who
        self._target = target

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen."""
        return self.connection.subprotocol

    async def send(self, message: object) -> None:
        """Send text or bytes as they are, anything else as JSON.

        Raises:
            Refused: The socket is closed.
        """
        data = message if isinstance(message, str | bytes) else json.dumps(message)
        self._target.write(self.who, ">", data if isinstance(data, str) else repr(data))
        try:
            await self.connection.send(data)
        except ConnectionClosed as closed:
            raise self._over(closed) from None

    async def receive(self, seconds: float = PATIENCE) -> Any:
        """The next message: parsed if it is JSON, else as it is.

        Raises:
            Refused: There is none in time, or the socket is closed.
        """
        try:
            async with asyncio.timeout(seconds):
                data = await self.connection.recv()
        except TimeoutError:
            self._target.write(self.who, "-", f"nothing for {seconds:g} s")
            raise Refused("silence") from None
        except ConnectionClosed as closed:
            raise self._over(closed) from None
        self._target.write(self.who, "<", data if isinstance(data, str) else repr(data))
        try:
            return json.loads(data)
        except ValueError:
            return data

    async def ask(self, message: object, seconds: float = PATIENCE) -> Any:
        """Send, and take the next message for the answer."""
        await self.send(message)
        return await self.receive(seconds)

    async def until(self, wanted: Callable[[Any], bool], seconds: float = PATIENCE) -> Any:
        """The first message that is wanted; those before it are dropped.

        Raises:
            Refused: None came in time.
        """
        end = time.monotonic() + seconds
        while True:
            message = await self.receive(max(0.0, end - time.monotonic()))
            if wanted(message):
                return message

    async def heard(self, seconds: float = 0.5) -> list[Any]:
        """Everything that comes within that time; a close ends it early."""
        messages = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                messages.append(await self.receive(left))
            except Refused:
                break
        return messages

    async def closed(self, seconds: float = PATIENCE) -> int | None:
        """The close code, if the server closes within that time; else None."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.connection.recv()
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            self._over(closed)
            return 1006 if closed.rcvd is None else closed.rcvd.code

    def _over(self, closed: ConnectionClosed) -> Refused:
        frame = closed.rcvd
        text = "the connection broke" if frame is None else f"closed {frame.code} {frame.reason}"
        self._target.write(self.who, "<", text.strip())
        return Refused(text.strip())


class Target:
    """One server under attack.

    Args:
        origin: `http://127.0.0.1:PORT`.
        users: Who can log in, with which password.
        hostile: The attacker's own site.
        control: Lets something happen in the world around the server.
        log: What the server has logged.
        browser: Opens a browser profile with nothing in it.
    """

    def __init__(
        self,
        *,
        origin: str,
        users: Mapping[str, str],
        hostile: Hostile,
        control: Callable[..., Awaitable[Any]],
        log: Callable[[], str],
        browser: Callable[[], AbstractAsyncContextManager[BrowserContext]],
    ) -> None:
        self.origin = origin
        self.http = origin
        self.ws = origin.replace("http", "ws", 1)
        self.users = users
        self.hostile = hostile
        self.control = control
        self.log = log
        self.browser = browser
        self.transcript: list[Line] = []
        self._began = time.monotonic()

    @property
    def port(self) -> int:
        """The server's port on 127.0.0.1."""
        return int(self.origin.rpartition(":")[2])

    # -- the transcript ---------------------------------------------------------------------------

    def write(self, who: str, way: str, text: str) -> None:
        """Add a line to the transcript, without passwords."""
        for password in self.users.values():
            text = text.replace(password, "********")
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}… ({len(text)} characters)"
        self.transcript.append(Line(time.monotonic() - self._began, who, way, text))

    def note(self, text: str) -> None:
        """A remark in the transcript."""
        self.write("", "-", text)

    def outcome(self, succeeded: bool, said: str) -> Outcome:  # noqa: FBT001 - it is the answer
        """Return the result of the attack, with the transcript until now."""
        return Outcome(succeeded, said, tuple(self.transcript))

    # -- HTTP -------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        session: Session | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        who: str = "attacker",
    ) -> httpx2.Response:
        """One HTTP request from the server's own origin; redirects are not followed.

        Args:
            method: `GET`.
            path: With its query.
            session: Cookies are sent from it, and stored in it.
            body: Sent as JSON.
            form: Sent as a form.
            headers: Further ones; `Origin` replaces the server's own.
            who: Who sends it, without a session.
        """
        session = session or Session(who)
        sent = {"Origin": self.origin, **session.header(), **(headers or {})}
        shown = body if body is not None else form
        self.write(
            session.who, ">", f"{method} {path} {json.dumps(shown) if shown else ''}".strip()
        )
        async with httpx2.AsyncClient(base_url=self.origin, timeout=20, trust_env=False) as client:
            answer = await client.request(
                method, path, json=body, data=dict(form) if form else None, headers=sent
            )
        for line in answer.headers.get_list("set-cookie"):
            session.set_cookies.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            session.cookies[name.strip()] = value.strip().strip('"')
            if not session.cookies[name.strip()]:
                del session.cookies[name.strip()]
        text = "" if "html" in answer.headers.get("content-type", "") else answer.text
        for cookie in session.cookies.values():
            text = text.replace(cookie, "********")
        self.write(session.who, "<", f"{answer.status_code} {answer.reason_phrase} {text}".strip())
        return answer

    async def login(
        self, name: str, *, session: Session | None = None, path: str = "/auth/login"
    ) -> Session:
        """Log a user in with the right password, as that user's browser would.

        Args:
            name: One of `users`.
            session: A session that is there already, for example one that was planted.
            path: Where; every server of the lab that has a login has it there.

        Raises:
            Refused: The login failed.
        """
        session = session or Session(name)
        body = {"username": name, "password": self.users[name]}
        answer = await self.request("POST", path, session=session, body=body)
        if answer.status_code >= 400:
            raise Refused(f"the login of {name} failed: {answer.status_code}")
        return session

    # -- WebSocket --------------------------------------------------------------------------------

    @asynccontextmanager
    async def connect(
        self,
        path: str,
        *,
        session: Session | None = None,
        origin: str | None = OWN,
        headers: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
        who: str = "attacker",
        seconds: float = PATIENCE,
    ) -> AsyncIterator[Socket]:
        """A WebSocket, with a client that has nothing to do with Tornado.

        Args:
            path: With its query.
            session: Cookies are sent from it.
            origin: The page that opens it; None sends no `Origin`, as programs do.
            headers: Further ones.
            subprotocols: What is offered.
            who: Who opens it, without a session.
            seconds: How long the handshake may take.

        Raises:
            Refused: The handshake did not succeed.
        """
        who = session.who if session else who
        origin = self.origin if origin == OWN else origin
        sent = [*(session.header().items() if session else ()), *headers]
        offers = [Subprotocol(one) for one in subprotocols]
        kinds = ", ".join(name for name, _ in sent)
        self.write(
            who,
            ">",
            f"GET {path} Upgrade: websocket, Origin: {origin or '(none)'}"
            + (f", with {kinds}" if kinds else ""),
        )
        try:
            connection = await connect(
                self.ws + path,
                origin=Origin(origin) if origin is not None else None,
                additional_headers=sent,
                subprotocols=offers or None,
                compression=None,
                ping_interval=None,
                open_timeout=seconds,
                close_timeout=1,
                max_size=None,
                proxy=None,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            self.write(who, "<", f"{status} {error.response.reason_phrase}")
            raise Refused(f"refused with {status}") from None
        except (InvalidHandshake, OSError, TimeoutError) as error:
            self.write(who, "<", f"no handshake: {type(error).__name__}")
            raise Refused(f"no handshake ({type(error).__name__})") from None
        self.write(who, "<", "101 Switching Protocols")
        async with connection:
            yield Socket(connection, self, who)
