"""Tornado's own protocol for guarded handlers, where the fast one cannot stand in for it."""

from __future__ import annotations

from typing import Any

from tornado.websocket import WebSocketProtocol13

__all__ = ["TornadoProtocol"]

_TOO_LARGE, _PROTOCOL_ERROR = 1009, 1002


class TornadoProtocol(WebSocketProtocol13):
    """Tornado's protocol, which says why it ends a connection.

    The handler that closes has ended its connection with the guard before it comes here. So a connection that
    is still open is closed by Tornado itself.
    """

    handler: Any

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close, and record the cause if the client's message was too large."""
        if code == _TOO_LARGE:
            self.handler._door_cut_off(code, reason or "")  # noqa: SLF001 - a guarded handler's own
        super().close(code, reason)

    def _abort(self) -> None:
        """Hang up, and record the cause if the client broke the protocol."""
        stream: Any = self.stream  # None before the handshake
        if stream is not None and not stream.closed() and not self.server_terminated:
            self.handler._door_cut_off(_PROTOCOL_ERROR, "it broke the WebSocket protocol")  # noqa: SLF001 - likewise
        super()._abort()
