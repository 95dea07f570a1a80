"""Serve a Tornado application on loopback, in the tests of that application."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

__all__ = ["Served", "running", "serving"]

T = TypeVar("T")

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running application.

    Args:
        port: Port on 127.0.0.1.
        loop: The event loop that it runs in.
    """

    port: int
    loop: asyncio.AbstractEventLoop

    @property
    def origin(self) -> str:
        """Return `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """Return `ws://127.0.0.1:PORT/path`."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def call(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function in the event loop of the server, from a synchronous test."""
        return asyncio.run_coroutine_threadsafe(begin(), self.loop).result(_PATIENCE)


@contextlib.asynccontextmanager
async def serving(application: Application) -> AsyncIterator[Served]:
    """Serve `application` on a free port of loopback, in this event loop.

    The guard of the application starts by itself, and is closed at the end.
    """
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application)
    server.add_sockets(sockets)
    try:
        yield Served(int(sockets[0].getsockname()[1]), asyncio.get_running_loop())
    finally:
        server.stop()
        if (guard := application.settings.get("stormdoor_guard")) is not None:
            await guard.close()
        await server.close_all_connections()


@dataclass(slots=True)
class _Thread:
    """The state that the thread of a server shares with the thread of the test."""

    ready: threading.Event = field(default_factory=threading.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    served: Served | None = None
    failure: BaseException | None = None

    async def serve(self, make: Callable[[], Application] | Application) -> None:
        """Serve until the test ends."""
        application = make if isinstance(make, Application) else make()
        async with serving(application) as self.served:
            self.ready.set()
            await self.over.wait()

    def run(self, make: Callable[[], Application] | Application) -> None:
        """Run the server in its thread."""
        try:
            asyncio.run(self.serve(make))
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            self.failure = error
        finally:
            self.ready.set()


@contextlib.contextmanager
def running(make: Callable[[], Application] | Application) -> Iterator[Served]:
    """Serve an application in a separate thread, for a synchronous test.

    Args:
        make: The application, or a function that makes it in the thread's event loop.

    Raises:
        RuntimeError: It could not be made, or does not start or end.
    """
    state = _Thread()
    worker = threading.Thread(target=state.run, args=(make,), name="stormdoor-testing", daemon=True)
    worker.start()
    if not state.ready.wait(_PATIENCE) or state.served is None:
        raise RuntimeError("the application does not start") from state.failure
    try:
        yield state.served
    finally:
        state.served.loop.call_soon_threadsafe(state.over.set)
        worker.join(_PATIENCE)
    if state.failure is not None or worker.is_alive():
        raise RuntimeError("the application does not end") from state.failure
