"""Accept connections of the process to itself, by a secret that no other process has."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.handshake import Handshake
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

__all__ = ["OwnProcessAuthenticator"]

_HEADER = "X-Own-Process"
_DESCRIPTORS = Path("/dev/fd")
"""The open descriptors of this process, on Linux, macOS and the BSDs."""


class OwnProcessAuthenticator:
    """Accepts connections of this process to an endpoint of its own.

    The client sends `headers()`. The secret in it stays in the memory of the process, and a fork makes a
    secret of its own. It opens only the declared endpoint, and only if this process holds the other end of
    the connection. So neither a child process nor an attacker with the secret can use it.

    A process that passes requests of its clients on to its own endpoint, such as a proxy, must not add the
    header to them: they would have these roles.

    Args:
        endpoint: The path that it opens, as the client requests it, such as `/feed`.
        roles: The roles of the principal `own-process`.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    kind: str = "own-process"
    needs_request: bool = True
    places: Sequence[Place] = (Place(Source.HEADER, _HEADER.lower()),)
    checks: Sequence[str] = (
        "the secret is that of this process (constant time)",
        "the path is the declared endpoint",
        "this process holds the client's end of the connection",
    )

    def __init__(self, endpoint: str, roles: Iterable[str]) -> None:
        if not endpoint.startswith("/"):
            raise ConfigurationError(f'endpoint={endpoint!r} is no path; write endpoint="/feed"')
        if isinstance(roles, str):
            raise ConfigurationError(f'roles must be a list; write roles=["{roles}"]')
        self.endpoint = endpoint
        self._roles = frozenset(roles)
        self._make_secret()
        os.register_at_fork(after_in_child=self._make_secret)

    def _make_secret(self) -> None:
        self._secret = secrets.token_urlsafe(32)

    def headers(self) -> Mapping[str, str]:
        """Return the header that a client in this process sends with its request."""
        return {_HEADER: self._secret}

    def recognises(self, credential: Credential) -> bool:
        """Return whether it is this secret: another endpoint has another one, in the same header."""
        return hmac.compare_digest(_bytes(credential.secret), self._secret.encode())

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Compare the secret, the endpoint and the two ends of the connection (see `Authenticator`)."""
        if not self.recognises(credential):
            return bad_credential("it is not the secret of this process")
        if handshake.path != self.endpoint:
            return bad_credential(f"the secret of this process opens only {self.endpoint}")
        if not _holds_other_end(handshake.request):
            return bad_credential("another process holds the client's end of the connection")
        return Authentication(
            Principal("own-process", self._roles),
            self.kind,
            credential_id=fingerprint(self._secret),
            ambient=False,
            authenticated_at=now,
            issued_at=now,
        )


def _holds_other_end(request: Any) -> bool:
    """Return whether this process has a socket with the two addresses of a request's connection, reversed.

    It asks each descriptor, the newest first: two system calls for each. Only a client with the secret
    causes it.
    """
    accepted = request.connection.stream.socket
    ends = _plain(accepted.getpeername()), _plain(accepted.getsockname())
    if "" in ends:
        return False  # a Unix socket: its client has no address
    for descriptor in sorted((int(one.name) for one in _DESCRIPTORS.iterdir()), reverse=True):
        with contextlib.suppress(OSError):  # no socket, or not connected
            other = socket.socket(fileno=descriptor)
            try:
                if (_plain(other.getsockname()), _plain(other.getpeername())) == ends:
                    return True
            finally:
                other.detach()
    return False


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _plain(address: Any) -> Any:
    """Return host and port, with an IPv4 address as itself where a socket of IPv6 shows it; else ""."""
    if not (isinstance(address, tuple) and isinstance(address[0], str)):
        return ""
    return address[0].removeprefix("::ffff:"), address[1]
