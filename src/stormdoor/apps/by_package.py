"""Make the adapter of a host that is recognised by the package of its handlers."""

from __future__ import annotations

from collections.abc import Sequence

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.login import add_login
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.protect import protect

__all__ = ["adapter_of_package"]


def adapter_of_package(
    package: str, releases: Sequence[Releases], *, endpoint: str = "/"
) -> Adapter:
    """Return the adapter for applications with a handler of `package`.

    Its name, and that of its preset, is the name of the package. The preset declares everything else.

    Args:
        package: The package of the host, such as `visdom`.
        releases: The releases that it claims.
        endpoint: The path that a ticket opens if the request names none.
    """

    def recognises(application: Application) -> bool:
        routes = inspect(application).routes
        return any(one.handler.__module__.partition(".")[0] == package for one in routes)

    def guard(application: Application, setup: Setup) -> None:
        add_login(application, setup, endpoint=endpoint)
        protect(application, setup.guard)

    return Adapter(package, package, recognises, guard, releases)
