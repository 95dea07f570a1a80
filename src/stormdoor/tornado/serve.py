"""An HTTP server with time-outs that do not let anybody wait for an hour."""

from __future__ import annotations

from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

__all__ = ["guarded_server"]


def guarded_server(application: Application, **options: Any) -> HTTPServer:
    """A server for a guarded application: slow and oversized requests end before any handler runs.

    Tornado by itself waits an hour for the headers of a handshake and takes a body of 100 MB. Here it is
    10 seconds, 16 KiB of headers and 1 MiB of body; every one can be set to something else.

    Args:
        application: What `protect` returned.
        options: Of `tornado.httpserver.HTTPServer`. `xheaders` is refused: name the proxies in
            `Guard(trusted_proxies=[...])` instead, so that nobody else is believed.

    Raises:
        TypeError: `xheaders` was given.
    """
    if options.get("xheaders"):
        raise TypeError(
            "xheaders=True lets every client write its own address; leave it out and write "
            'Guard(trusted_proxies=["10.0.0.0/8"])'
        )
    settings = {
        "idle_connection_timeout": 10.0,
        "max_header_size": 16 * 1024,
        "max_body_size": 1024 * 1024,
    }
    return HTTPServer(application, **{**settings, **options})
