"""Clients of a running application: its owner, and those that must be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlsplit

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from tests.support.references import without_reference

__all__ = ["Client", "FailedError", "RefusedError", "answer_of", "end_of", "open_socket"]

_ANSWER_SECONDS = 60.0


class FailedError(Exception):
    """An application did not do what the check expects; the message says what it did."""


class RefusedError(Exception):
    """The server refused a client before it opened a channel.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one address.

    Attributes:
        address: `http://127.0.0.1:PORT`, where the application listens.
        cookies: Cookies of every request.
        headers: Further headers of every request.
        origin: The page that the client's requests come from; None for a program.
        host: The Host header; None for that of the address.
    """

    address: str
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None
    host: str | None = None

    def having(self, cookies: Mapping[str, str] = {}, headers: Mapping[str, str] = {}) -> Self:
        """Return this client with more cookies and headers."""
        return replace(
            self, cookies={**self.cookies, **cookies}, headers={**self.headers, **headers}
        )

    def _sent(self) -> dict[str, str]:
        sent = dict(self.headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={said}" for name, said in self.cookies.items())
        if self.origin is not None:
            sent["Origin"] = self.origin
        if self.host is not None:
            sent["Host"] = self.host
        return sent

    async def request(
        self, method: str, path: str, body: str | bytes = b"", headers: Mapping[str, str] = {}
    ) -> httpx2.Response:
        """Send one HTTP request as a page's script does: no Origin where a browser sends none."""
        sent = {**self._sent(), **headers}
        if self.origin is not None:
            # A rebound name has the same origin for the browser.
            own = urlsplit(self.origin).netloc == (self.host or urlsplit(self.address).netloc)
            sent["Sec-Fetch-Site"] = "same-origin" if own else "cross-site"
            sent["Sec-Fetch-Mode"] = "cors"
            if own and method == "GET":
                del sent["Origin"]
        async with httpx2.AsyncClient(base_url=self.address, timeout=_ANSWER_SECONDS) as client:
            try:
                return await client.request(method, path, content=body, headers=sent)
            except httpx2.HTTPError as error:
                raise FailedError(f"{method} {path}: {error!r}") from error

    async def logged_in_at(self, path: str) -> Self:
        """Fetch a page and return this client with the cookies that the page set."""
        return await self.sent("GET", path)

    async def sent(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] = {}
    ) -> Self:
        """Send a request and return this client with the cookies of the answer."""
        response = await self.request(method, path, body, headers)
        found: dict[str, str] = {}
        for line in response.headers.get_list("set-cookie"):
            found.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
        return self.having(cookies=found)


async def open_socket(
    client: Client, path: str, subprotocols: Sequence[str] = ()
) -> ClientConnection:
    """Open a WebSocket as `client`.

    Raises:
        RefusedError: The answer is not 101.
    """
    port = urlsplit(client.address).port
    sent = client._sent()
    host = client.host or f"127.0.0.1:{port}"
    origin = sent.pop("Origin", None)
    sent.pop("Host", None)
    try:
        return await connect(
            f"ws://{host}{path}",
            host="127.0.0.1",
            port=port,
            origin=origin,  # type: ignore[arg-type]
            subprotocols=[Subprotocol(one) for one in subprotocols] or None,
            additional_headers=sent,
            max_size=None,
            open_timeout=_ANSWER_SECONDS,
            ping_interval=None,
            proxy=None,
        )
    except InvalidStatus as error:
        raise RefusedError(error.response.status_code) from None
    except (InvalidHandshake, TimeoutError, OSError) as error:
        raise FailedError(f"no handshake: {error!r}") from error


async def answer_of(socket: ClientConnection, wanted: str | bytes) -> str | bytes:
    """Read until a message contains `wanted`, and return that message.

    Raises:
        FailedError: The socket ended, or no such message came in time.
    """
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            while True:
                message = await socket.recv()
                told = message.encode() if isinstance(message, str) else message
                if (wanted.encode() if isinstance(wanted, str) else wanted) in told:
                    return message
    except TimeoutError:
        raise FailedError(f"no answer with {wanted!r}") from None
    except ConnectionClosed as closed:
        raise FailedError(f"closed: {_close_of(closed)}") from closed


async def end_of(socket: ClientConnection) -> str:
    """Read until the server ends the socket; return how."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return _close_of(closed)


def _close_of(closed: ConnectionClosed) -> str:
    frame = closed.rcvd
    if frame is None:
        return "dropped"
    guarded = "; reference " in frame.reason
    reason = without_reference(frame.reason) if guarded else frame.reason
    return f"{int(frame.code)} {reason}".strip()
