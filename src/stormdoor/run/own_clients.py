"""Let the WebSocket client of Tornado, in a program under `run`, authenticate at the program's own server."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from tornado import websocket

from stormdoor.auth.own_process.authenticator import OwnProcessAuthenticator

__all__ = ["authenticate_own_clients"]


def authenticate_own_clients(
    endpoints: Sequence[OwnProcessAuthenticator], ports: Collection[int]
) -> None:
    """Add the header of an endpoint to each WebSocket that this process opens to it by a local address.

    An address without a host, such as `0.0.0.0`, which is no Host that the guard accepts, becomes a loopback
    address in `Host`. Only Tornado's client is changed; it follows no redirect.

    Args:
        endpoints: The declared endpoints.
        ports: The TCP ports that this process serves. It may grow.
    """
    kind: Any = websocket.WebSocketClientConnection
    create = kind.__init__

    def create_with_header(connection: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        url = urlsplit(request.url)
        host, port = url.hostname or "", url.port or (443 if url.scheme in ("wss", "https") else 80)
        if port in ports and (address := _local(host)) is not None:
            for one in endpoints:
                if url.path == one.endpoint:
                    request.headers.update(one.headers())
                    if address.is_unspecified:
                        loopback = "[::1]" if address.version == 6 else "127.0.0.1"
                        request.headers.setdefault("Host", f"{loopback}:{port}")
        create(connection, request, *args, **kwargs)

    kind.__init__ = create_with_header


def _local(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if host == "localhost":
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if address.is_loopback or address.is_unspecified else None
