"""Access of an outsider to a real program, observed with a client that does not use the prober.

It judges by one pattern for each program: a message that matches is what the owner came for.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from audit_tests.prober.real.programs import Credential, Started

__all__ = ["FOREIGN", "OTHER_PORT", "Seen", "look", "outlives"]

FOREIGN = "https://attacker.example"
OTHER_PORT = "http://127.0.0.1:8080"
_SECONDS = 4.0
_SETTLE = 1.0
"""For an answer to what is said first."""
_SOCKETS = 2
"""Sockets of one session at the logout: some servers remember the last one only."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Result of one connection.

    Args:
        status: Of the handshake.
        closed: Code with which the server closed, 0 where it did not.
        messages: What was delivered.
        matched: Whether one of them is what the owner came for.
    """

    status: int
    closed: int
    messages: tuple[str, ...]
    matched: bool

    def __str__(self) -> str:
        if self.status != 101:
            return str(self.status)
        end = f", closed with {self.closed}" if self.closed else ""
        return f"101 {'with' if self.matched else 'without'} data{end}"


async def look(
    at: Started,
    *,
    credential: Credential,
    origin: str | None,
    say: Sequence[str] = (),
    speaker: Credential | None = None,
) -> Seen:
    """Connect, send the owner's messages, and listen until the owner's data arrives or time is up.

    Args:
        at: The program.
        credential: The credential to present.
        origin: Origin of the page.
        say: Messages to send; `{unique}` in them becomes another word each time.
        speaker: A second client, which connects and sends the same while this one listens.
    """
    headers = list(credential.headers)
    if credential.cookies:
        headers.append(("Cookie", "; ".join(f"{n}={v}" for n, v in credential.cookies)))
    messages: list[str] = []
    wanted = re.compile(at.case.delivers)
    matched = False
    protocols = [Subprotocol(one) for one in (*at.case.protocols, *credential.protocols)]
    word = secrets.token_hex(6)

    def opened(path: str) -> connect:
        mark = "&" if "?" in path else "?"
        query = f"{mark}{urlencode(credential.query)}" if credential.query else ""
        return connect(
            f"ws://127.0.0.1:{at.port}{path.replace('{unique}', word)}{query}",
            origin=Origin(origin) if origin is not None else None,
            additional_headers=headers,
            subprotocols=protocols or None,
            ping_interval=None,
            open_timeout=20,
            close_timeout=1,
            max_size=None,
            proxy=None,
        )

    try:
        async with contextlib.AsyncExitStack() as stack:
            beside = [await stack.enter_async_context(opened(one)) for one in at.case.beside]
            client = await stack.enter_async_context(opened(at.path))
            try:
                for companion, text in itertools.product(beside, at.case.beside_say):
                    await companion.send(text)
                if beside:
                    await asyncio.sleep(_SETTLE)
                if credential.first:
                    await client.send(_spoken(credential.first))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_SETTLE):
                            messages.append(str(await client.recv()))
                for one in say:
                    if at.case.waits:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(_SETTLE):
                                messages.append(str(await client.recv()))
                    await client.send(one.replace("{unique}", secrets.token_hex(6)))
                for data in at.case.hex:
                    await client.send(bytes.fromhex(data))
                if speaker is not None:
                    await look(at, credential=speaker, origin=None, say=say)
                if at.trigger:
                    await asyncio.to_thread(_triggered, at.trigger)
                matched = any(wanted.search(one) for one in messages)
                async with asyncio.timeout(_SECONDS):
                    while not matched:
                        came = await client.recv()
                        text = came if isinstance(came, str) else came.decode("utf-8", "replace")
                        messages.append(text)
                        matched = wanted.search(text) is not None
            except TimeoutError:
                return Seen(101, 0, tuple(messages), matched)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                return Seen(101, code, tuple(messages), matched)
            return Seen(101, 0, tuple(messages), matched)
    except InvalidStatus as error:
        return Seen(error.response.status_code, 0, (), False)
    except (InvalidHandshake, OSError, TimeoutError):
        return Seen(0, 0, (), False)


async def outlives(at: Started) -> Seen:
    """Log out while two sockets are open, and look for what the owner came for in what follows.

    If nothing follows, the old session is shown to a new socket. It is spent by this.
    """
    logout = _Logout(at)
    seen = await asyncio.gather(*(_after_logout(at, logout) for _ in range(_SOCKETS)))
    own = f"http://127.0.0.1:{at.port}"
    again = await look(at, credential=at.credential, origin=own, say=at.case.say)
    return next((one for one in (*seen, again) if one.matched), seen[0])


class _Logout:
    """Logs out once, when each socket is open or has had the time to be."""

    def __init__(self, at: Started) -> None:
        self.own = f"http://127.0.0.1:{at.port}"
        self.url = f"{self.own}{at.case.logout}"
        self.cookies = at.credential.cookies
        self._all = asyncio.Barrier(_SOCKETS)
        self._once = asyncio.Lock()
        self._done = False

    async def __call__(self) -> None:
        """Wait for the other socket, and log out unless that was done."""
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(2 * _SETTLE):
                await self._all.wait()
        async with self._once:
            if not self._done:
                self._done = True
                await asyncio.to_thread(self._ask)

    def _ask(self) -> None:
        forgery = next((v for n, v in self.cookies if "xsrf" in n), "")
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies)
        headers = {"Cookie": cookie, "Origin": self.own, "X-XSRFToken": forgery}
        for method in ("POST", "GET"):
            request = urllib.request.Request(self.url, headers=headers, method=method)  # noqa: S310 - loopback
            try:
                urllib.request.build_opener(_NoRedirect).open(request, timeout=5).close()
            except HTTPError as error:
                if error.code in {404, 405}:
                    continue
            return


async def _after_logout(at: Started, log_out: _Logout) -> Seen:
    """Open a socket, log out, and look at what it delivers then."""
    cookie = "; ".join(f"{name}={value}" for name, value in at.credential.cookies)
    wanted = re.compile(at.case.delivers)
    messages: list[str] = []
    word = secrets.token_hex(6)

    def opened(path: str) -> connect:
        return connect(
            f"ws://127.0.0.1:{at.port}{path.replace('{unique}', word)}",
            origin=Origin(log_out.own),
            additional_headers=[("Cookie", cookie)],
            subprotocols=[Subprotocol(one) for one in at.case.protocols] or None,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
        )

    try:
        async with contextlib.AsyncExitStack() as stack:
            beside = [await stack.enter_async_context(opened(one)) for one in at.case.beside]
            client = await stack.enter_async_context(opened(at.path))
            for companion, text in itertools.product(beside, at.case.beside_say):
                await companion.send(text)

            async def hear(seconds: float) -> None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        while True:
                            messages.append(str(await client.recv()))

            for one in at.case.say:
                if at.case.waits:
                    await hear(_SETTLE)
                await client.send(one.replace("{unique}", word))
            await hear(_SETTLE)
            await log_out()
            await hear(2 * _SETTLE)
            messages.clear()
            for one in at.case.say[-1:]:
                await client.send(one.replace("{unique}", secrets.token_hex(6)))
            await hear(_SECONDS)
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        return Seen(101, code, tuple(messages), matched=False)
    except (InvalidHandshake, OSError):
        return Seen(0, 0, (), matched=False)
    return Seen(101, 0, tuple(messages), any(wanted.search(one) for one in messages))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Keep the answer of the logout itself."""


def _spoken(text: str) -> str | bytes:
    return bytes.fromhex(text.removeprefix("hex:")) if text.startswith("hex:") else text


def _triggered(url: str) -> None:
    """Something happens, that the program may tell those who listen."""
    if url.startswith("touch "):
        with Path(url.removeprefix("touch ")).open("a", encoding="utf-8") as file:
            file.write("\n")
        return
    with contextlib.suppress(OSError, HTTPException):
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
