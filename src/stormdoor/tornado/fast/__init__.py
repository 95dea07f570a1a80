"""The WebSocket protocol of guarded handlers: Tornado's handshake, then a transport of the event loop."""

from stormdoor.tornado.fast.protocol import FastProtocol
from stormdoor.tornado.fast.suitable import fits_handler, fits_request

__all__ = ["FastProtocol", "fits_handler", "fits_request"]
