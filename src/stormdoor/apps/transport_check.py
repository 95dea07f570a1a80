"""Check that the guard finds a session that a host begins over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.web import Application

from stormdoor.apps.self_check import HostChangedError, body_of, memory_request
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.transports.recognition import recognise

__all__ = ["check_transport"]


async def check_transport(
    routes: Sequence[Any], method: str, path: str, session: str | None = None
) -> None:
    """Begin a session by a request in memory, and find it as the guard does.

    Args:
        routes: The routes of a server of the host that nothing else uses.
        method: Method of the request.
        path: Path of the request.
        session: The id that the request names; None if the answer has it.

    Raises:
        HostChangedError: The guard would not find the session.
    """
    application = Application(list(routes))
    recognised = recognise(inspect(application).routes)
    transports = [*recognised.by_class.values(), *recognised.by_server.values()]
    if not transports:
        raise HostChangedError("the handlers do not share their sessions as before")
    [transport] = transports
    body = await body_of(application, memory_request(path, method=method))
    if session is None and transport.issued is not None:
        session = transport.issued(body)
    if session is None or not transport.known(session):
        raise HostChangedError("a session that begins over HTTP is not found")
