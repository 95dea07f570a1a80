"""A provider that answers exactly what a test says: real HTTP on a real socket, and no manners."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.parse
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from stormdoor import Authentication, JwtKey, Rejected
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore
from tests.guard.fakes import HANDSHAKE
from tests.support.clock import FakeClock

__all__ = ["AUDIENCE", "SCOPES", "Asked", "Hostile", "Room", "answer", "jwk_of", "room", "serve"]

AUDIENCE = "https://chat.example"
SCOPES = {"chat:read": ["chat:connect", "chat:hear"], "chat:write": ["chat:say"]}
BEARER = Place(Source.AUTHORIZATION, "bearer")


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


Reply = bytes | dict[str, Any] | Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Hostile:
    """Answers of the hostile server by path, and the requests that it received."""

    url: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    held: asyncio.Event | None = None

    @property
    def counts(self) -> Counter[str]:
        """Requests by path."""
        return Counter(one.path for one in self.asked)

    def describe(self, **changes: Any) -> None:
        """An honest document about itself, with changes."""
        self.replies["/.well-known/openid-configuration"] = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "introspection_endpoint": f"{self.url}/introspect",
            **changes,
        }

    def publish(self, *jwks: Mapping[str, Any]) -> None:
        """These keys."""
        self.replies["/jwks"] = {"keys": list(jwks)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = first.split(" ")[1]
            asked = Asked(path, headers, dict(urllib.parse.parse_qsl(body.decode())))
            self.asked.append(asked)
            if self.held is not None:
                await self.held.wait()
            reply = self.replies.get(path, answer(b"", status=404))
            if isinstance(reply, dict):
                reply = answer(json.dumps(reply).encode())
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(
    body: bytes, *, status: int = 200, kind: str = "application/json", more: str = ""
) -> bytes:
    """The bytes of an HTTP answer."""
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n{more}\r\n"
    ).encode() + body


@asynccontextmanager
async def serve(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hostile]:
    """Such a provider, that describes itself and has no keys."""
    hostile = Hostile()
    server = await asyncio.start_server(hostile.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    hostile.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    hostile.describe()
    hostile.publish()
    try:
        yield hostile
    finally:
        server.close()


@dataclass
class Room:
    """An authenticator, and what it judges by."""

    authenticator: OAuthAuthenticator
    clock: FakeClock
    store: MemoryStore

    async def present(self, token: str) -> Authentication | Rejected:
        """Return the outcome of the authenticator for a token."""
        return await self.authenticator.authenticate(
            Credential(BEARER, token),
            HANDSHAKE,
            state=StoredState.of(self.store),
            now=self.clock.now(),
        )

    async def accepted(self, token: str) -> Authentication:
        """As `present`, where it must be accepted."""
        outcome = await self.present(token)
        assert isinstance(outcome, Authentication), outcome
        return outcome

    async def refused(self, token: str, reason: str = "") -> Rejected:
        """As `present`, where it must be refused, for that reason."""
        outcome = await self.present(token)
        assert isinstance(outcome, Rejected), outcome
        assert reason in outcome.detail
        assert token not in outcome.detail
        return outcome

    @contextmanager
    def in_a_hurry(self) -> Iterator[None]:
        """No answer is waited for longer than two seconds: for a provider that never ends one.

        Everywhere else there is time, however busy the machine is.
        """
        client = self.authenticator._client
        before, client._seconds = client._seconds, 2.0
        try:
            yield
        finally:
            client._seconds = before


@asynccontextmanager
async def room(
    issuer: str, *, clock: FakeClock | None = None, **options: Any
) -> AsyncIterator[Room]:
    """A room with an authenticator of that issuer, which is closed at the end."""
    clock = clock or FakeClock()
    asking = options.pop("introspection", None)
    if isinstance(asking, dict):
        asking = Introspection(
            **{"client_id": "api", "client_secret": "the secret of api", **asking}
        )
    given = {"audience": AUDIENCE, "scopes": SCOPES, "timeout": 30.0, **options}
    authenticator = OAuthAuthenticator(issuer=issuer, introspection=asking, clock=clock, **given)
    try:
        yield Room(authenticator, clock, MemoryStore())
    finally:
        await authenticator.close()


def jwk_of(key: JwtKey, **changes: Any) -> dict[str, Any]:
    """The public JWK of a key, as a provider publishes it; `...` takes a member away."""
    kinds: dict[str, Any] = {"ES": ECAlgorithm, "Ed": OKPAlgorithm}
    found = kinds.get(key.algorithm[:2], RSAAlgorithm).to_jwk(key.public_key, as_dict=True)
    found.pop("key_ops", None)
    found = {**found, "alg": key.algorithm, "use": "sig", "kid": key.kid, **changes}
    return {name: value for name, value in found.items() if value not in (..., None)}
