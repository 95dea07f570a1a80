"""A Tornado application on loopback, for the tests of whoever wrote it."""

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
    """An application that is being served.

    Args:
        port: On 127.0.0.1.
        loop: The event loop that it runs in.
    """

    port: int
    loop: asyncio.AbstractEventLoop

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """`ws://127.0.0.1:PORT/path`."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def call(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function where the server runs, from a test that is no coroutine."""
        return asyncio.run_coroutine_threadsafe(begin(), self.loop).result(_PATIENCE)


@contextlib.asynccontextmanager
async def serving(application: Application) -> AsyncIterator[Served]:
    """Serve `application` on a free port of loopback, in this event loop.

    A stormdoor guard that it has starts by itself, and is closed at the end.
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
    """What the thread of a server says to the thread of the test."""

    ready: threading.Event = field(default_factory=threading.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    served: Served | None = None
    failure: BaseException | None = None

    async def serve(self, make: Callable[[], Application] | Application) -> None:
        """Until it is over."""
        application = make if isinstance(make, Application) else make()
        async with serving(application) as self.served:
            self.ready.set()
            await self.over.wait()

    def run(self, make: Callable[[], Application] | Application) -> None:
        """The thread."""
        try:
            asyncio.run(self.serve(make))
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            self.failure = error
        finally:
            self.ready.set()


@contextlib.contextmanager
def running(make: Callable[[], Application] | Application) -> Iterator[Served]:
    """Serve an application in a thread of its own, for a test that is no coroutine.

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
