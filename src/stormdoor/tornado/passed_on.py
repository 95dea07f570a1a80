"""Serve a request by an object that has no handler class, such as a WSGI container, behind a decision."""

from __future__ import annotations

from tornado.httputil import HTTPMessageDelegate, RequestStartLine
from tornado.web import RequestHandler, stream_request_body

__all__ = ["PassedOn"]


@stream_request_body  # so that the body is read after the decision
class PassedOn(RequestHandler):
    """Passes its request on to a delegate, which writes the answer to the connection itself."""

    _delegate: HTTPMessageDelegate

    def initialize(self, delegate: HTTPMessageDelegate) -> None:
        """Take the delegate.

        Args:
            delegate: The delegate that the application has chosen for the request.
        """
        self._delegate = delegate

    def check_xsrf_cookie(self) -> None:
        """Leave this check to the object behind the delegate, as without this handler."""

    async def prepare(self) -> None:
        """Pass the headers on. The decision comes before this, in a derived class."""
        request = self.request
        line = RequestStartLine(request.method or "", request.uri or "", request.version)
        waiting = self._delegate.headers_received(line, request.headers)
        if waiting is not None:
            await waiting

    async def data_received(self, chunk: bytes) -> None:
        """Pass a part of the body on."""
        waiting = self._delegate.data_received(chunk)
        if waiting is not None:
            await waiting

    def get(self) -> None:
        """Pass the end of the request on, and let the delegate answer."""
        self._finished = True
        self._delegate.finish()
        self.on_finish()

    head = post = put = patch = delete = options = get

    def on_connection_close(self) -> None:
        """Tell the delegate that the client has gone."""
        super().on_connection_close()
        self._delegate.on_connection_close()
