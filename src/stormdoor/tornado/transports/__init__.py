"""HTTP transports of sockets: long polling and streaming that replace a WebSocket."""

from stormdoor.tornado.transports.transport import MalformedRequest, Transport

__all__ = ["MalformedRequest", "Transport"]
