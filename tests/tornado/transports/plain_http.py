"""Plain HTTP requests for transports, and the libraries with transports to test."""

from __future__ import annotations

import asyncio
import importlib
import warnings
from typing import Any

from stormdoor import Guard
from tests.guard.fakes import Tokens, authentication, make_guard
from tests.support.installing import missing
from tests.tornado.wire import Ended, Wire, request

__all__ = [
    "ALICE",
    "ALICE_AGAIN",
    "BOB",
    "EVE",
    "library",
    "make_door",
    "send",
    "stream",
    "until_cut",
]

ALICE = ("Authorization", "Bearer alice")
ALICE_AGAIN = ("Authorization", "Bearer alice-again")
"""The same principal with another credential."""
BOB = ("Authorization", "Bearer bob")
"""Another principal, with the same permissions."""
EVE = ("Authorization", "Bearer eve")
"""A principal that may not connect."""


def library(name: str) -> Any:
    """Import a library that the project does not need; skip the test where it is missing, fail in CI."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is older than this Python
            return importlib.import_module(name)
    except ImportError as reason:
        missing(f"no {name}: {reason}")


def make_door(**options: Any) -> Guard:
    """Make a guard that knows these principals."""
    tokens = Tokens(
        {
            "alice": authentication("alice"),
            "alice-again": authentication("alice", credential_id="another"),
            "bob": authentication("bob"),
            "eve": authentication("eve", "nobody"),
        }
    )
    return make_guard(
        *options.pop("authenticators", [tokens]), insecure_allow_any_host=True, **options
    )


async def send(
    port: int, method: str, path: str, *headers: tuple[str, str], body: bytes = b""
) -> Wire:
    """Send one HTTP request and read its answer, which has a `Content-Length`."""
    length = [] if method == "GET" else [("Content-Length", str(len(body)))]
    async with await request(
        port, path, *headers, *length, method=method, upgrade=False, body=body
    ) as wire:
        return wire


async def stream(
    port: int, method: str, path: str, *headers: tuple[str, str], body: bytes = b""
) -> Wire:
    """Send one HTTP request with a streaming answer, and read the head of the answer."""
    length = [] if method == "GET" else [("Content-Length", str(len(body)))]
    return await request(port, path, *headers, *length, method=method, upgrade=False, body=body)


async def until_cut(wire: Wire) -> bytes:
    """Read up to the end of the TCP connection."""
    read = b""
    async with asyncio.timeout(60):
        try:
            while more := await wire.reader.read(65_536):
                read += more
        except (ConnectionError, Ended):
            pass
    return read
