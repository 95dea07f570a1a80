"""What an outsider gets from a real program, seen with a client that knows nothing of the prober.

It judges by one pattern for each program: a message that matches is what the owner came for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.prober.real.programs import Credential, Started

__all__ = ["FOREIGN", "OTHER_PORT", "Seen", "look"]

FOREIGN = "https://attacker.example"
OTHER_PORT = "http://127.0.0.1:8080"
_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came.

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
    at: Started, *, credential: Credential, origin: str | None, say: Sequence[str] = ()
) -> Seen:
    """Connect, say what the owner would, and listen until what the owner came for, or for some seconds."""
    headers = list(credential.headers)
    if credential.cookies:
        headers.append(("Cookie", "; ".join(f"{n}={v}" for n, v in credential.cookies)))
    messages: list[str] = []
    wanted = re.compile(at.case.delivers)
    matched = False
    try:
        async with connect(
            at.url,
            origin=Origin(origin) if origin is not None else None,
            additional_headers=headers,
            subprotocols=[Subprotocol(one) for one in at.case.protocols] or None,
            ping_interval=None,
            open_timeout=20,
            close_timeout=1,
            max_size=None,
            proxy=None,
        ) as client:
            try:
                for one in say or at.case.say:
                    await client.send(one)
                for data in at.case.hex:
                    await client.send(bytes.fromhex(data))
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
