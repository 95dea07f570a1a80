"""The fast WebSocket protocol: after Tornado's handshake, the socket moves to a transport of the loop."""

from stormdoor.tornado.fast.compat import fits_handler
from stormdoor.tornado.fast.protocol import FastProtocol
from stormdoor.tornado.fast.socket_transport import fits_loop, fits_request

__all__ = ["FastProtocol", "fits_handler", "fits_loop", "fits_request"]
