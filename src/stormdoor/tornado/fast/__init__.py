"""The WebSocket protocol of guarded handlers: Tornado's handshake, then a transport of the event loop."""

from stormdoor.tornado.fast.compat import fits_handler, fits_request
from stormdoor.tornado.fast.protocol import FastProtocol

__all__ = ["FastProtocol", "fits_handler", "fits_request"]
