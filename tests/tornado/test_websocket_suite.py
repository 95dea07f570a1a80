"""Tornado's own WebSocket tests, with every handler behind the door.

What they ask of a handler, they ask of one that is guarded: nothing in its code or on the wire changes.
Each test case of `tornado.test.websocket_test` that serves an application is run again here, with
`protect` and a public permission put around that application: on the fast protocol, the same on uvloop's
loop and over TLS, and on Tornado's own protocol.
"""

from __future__ import annotations

import gc
import logging
import sys
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import AsyncIOLoop
from tornado.test import websocket_test
from tornado.testing import AsyncHTTPSTestCase, AsyncHTTPTestCase
from tornado.web import Application

from stormdoor import Guard, Limits, protect, public
from tests.support.loops import Unhurried
from tests.tornado.loops import LOOPS

pytestmark = [
    pytest.mark.sampled(6),
    # Tornado's tests leave sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tornado"),
]

_RATE = "1000000/s"
_LIMITS = Limits(
    handshakes_per_address=_RATE,
    messages_per_connection=_RATE,
    messages_per_principal=_RATE,
    bytes_per_connection="999999999/s",
    message_bytes=100 * 1024 * 1024,
)


def teardown_module() -> None:
    """Collect what Tornado's tests leave open here, and not during a test that must leave nothing open."""
    gc.collect()


class _UnhurriedIOLoop(AsyncIOLoop):
    """Advances its clock while both sides wait."""

    def time(self) -> float:
        """The clock of the loop; Tornado's is that of the system."""
        return self.asyncio_loop.time()


class Guarded:
    """Mixin that protects the application of a test case with a guard."""

    guard: Guard
    fast = True

    def setUp(self) -> None:
        # A test of Tornado's fails on an unexpected line in a log. The door's are not unexpected, and
        # the access log is switched off by Tornado's own runner, too.
        self._levels = {
            name: logging.getLogger(name).level for name in ("stormdoor", "tornado.access")
        }
        for name in self._levels:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        super().setUp()  # type: ignore[misc]

    def get_new_ioloop(self) -> IOLoop:
        # Tornado's client gives a pong 50 ms, and a busy machine stands still for longer.
        if self._testMethodName == "test_client_ping_timeout" and sys.platform == "linux":  # type: ignore[attr-defined]
            return _UnhurriedIOLoop(asyncio_loop=Unhurried(), make_current=False)
        return super().get_new_ioloop()  # type: ignore[misc]

    def get_app(self) -> Application:
        application: Application = super().get_app()  # type: ignore[misc]
        self.guard = Guard(limits=_LIMITS, production=False, fast=self.fast)
        return protect(application, self.guard, public("Tornado tests its own handlers"))

    def tearDown(self) -> None:
        self.io_loop.run_sync(self.guard.close)  # type: ignore[attr-defined]
        super().tearDown()  # type: ignore[misc]
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        assert len(self.guard.registry) == 0


def _serving(module: Any) -> dict[str, type]:
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, type)
        and issubclass(one, AsyncHTTPTestCase)
        and one.get_app is not AsyncHTTPTestCase.get_app
        and "Mixin" not in name  # Tornado's abstract ones
    }


class OnTornados(Guarded):
    """On Tornado's own protocol."""

    fast = False


class OnUvloop(Guarded):
    """On the other loop."""

    def get_new_ioloop(self) -> IOLoop:
        return AsyncIOLoop(asyncio_loop=LOOPS["uvloop"](), make_current=False)


class OnTls(Guarded):
    """Over TLS, which Tornado ends."""

    test_many_small_messages_yield = None  # it speaks to the socket in the clear

    def setUp(self) -> None:
        module: Any = websocket_test
        connect = self._connect = module.websocket_connect

        def encrypted(url: str | HTTPRequest, *args: Any, **kwargs: Any) -> Any:
            patience = kwargs.pop("connect_timeout", None)
            request = HTTPRequest(url, connect_timeout=patience) if isinstance(url, str) else url
            request.url = request.url.replace("ws://", "wss://")
            request.validate_cert = False
            return connect(request, *args, **kwargs)

        module.websocket_connect = encrypted
        super().setUp()

    def tearDown(self) -> None:
        module: Any = websocket_test
        module.websocket_connect = self._connect
        super().tearDown()

    def get_http_server(self) -> HTTPServer:
        options = AsyncHTTPSTestCase.default_ssl_options()
        return HTTPServer(self._app, ssl_options=options)  # type: ignore[attr-defined]

    def get_http_client(self) -> AsyncHTTPClient:
        return AsyncHTTPClient(force_instance=True, defaults={"validate_cert": False})

    def get_protocol(self) -> str:
        return "https"


_WAYS: dict[str, type] = {"Fast": Guarded, "Tornados": OnTornados, "Tls": OnTls}
if "uvloop" in LOOPS:
    _WAYS["Uvloop"] = OnUvloop
globals().update(
    {
        f"Test{name}{way}": type(f"Test{name}{way}", (guarded, case), {"__module__": __name__})
        for name, case in _serving(websocket_test).items()
        for way, guarded in _WAYS.items()
    }
)


def test_there_are_tests() -> None:
    """Were the module renamed or emptied, nothing would be proved."""
    assert len(_serving(websocket_test)) >= 10
    assert "WebSocketTest" in _serving(websocket_test)
