"""Make the adapter of a host that is recognised by the module of its handlers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.apps.self_check import run_apart
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.by_handler import in_module
from stormdoor.tornado.declarations import MessagesOf
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.protect import protect

__all__ = ["adapter_of_module"]


def adapter_of_module(
    name: str,
    module: str,
    releases: Sequence[Releases],
    *,
    endpoint: str = "/",
    messages: Callable[[Application, Guard], MessagesOf] | None = None,
    check: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> Adapter:
    """Return the adapter for applications with a handler of `module`, or with a subclass of one.

    Args:
        name: Its name, and that of its preset, which declares everything else.
        module: A module or package of the host, such as `visdom`; its submodules count, too.
        releases: The releases that it claims.
        endpoint: The path that a ticket opens if the request names none.
        messages: Returns permissions of messages that depend on the application.
        check: Makes one session through the code of the host, before it serves. It raises `HostChangedError`.
    """

    def recognises(application: Application) -> bool:
        return any(in_module(one.handler, module) for one in inspect(application).routes)

    def guard(application: Application, setup: Setup) -> None:
        add_login(application, setup, endpoint=endpoint)
        found = None if messages is None else messages(application, setup.guard())
        protect(application, setup.guard, messages=found)
        if check is not None:
            run_apart(check)

    return Adapter(name, name, recognises, guard, releases)
