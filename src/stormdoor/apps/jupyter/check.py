"""Check that Jupyter asks the identity provider and the authorizer for each request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from jupyter_server.auth import User, authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import Application, authenticated

from stormdoor.apps.self_check import HostChangedError, memory_request, run_apart

__all__ = ["check_requests"]

_RESOURCE = "stormdoor-check"


class _Checked(APIHandler):  # type: ignore[misc]
    """Handler of the request in memory. It logs nothing."""

    auth_resource = _RESOURCE
    ran = False
    token = ""

    @authenticated
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Note that the code of a handler runs, and the token that a template would see."""
        self.ran = True
        if "jinja2_env" in self.settings:
            self.token = self.template_namespace["token"]
        self.finish()

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish()

    def log_exception(self, *_: Any) -> None:
        pass

    def _log(self) -> None:
        pass


class _Authorizer:
    """Authorizer with one answer, which notes the resources that it is asked for."""

    def __init__(self, *, allows: bool) -> None:
        self._allows = allows
        self.asked: list[str] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Return the answer (called by Jupyter)."""
        self.asked.append(resource)
        return self._allows


def check_requests(application: Application, provider: Any) -> None:
    """Send requests in memory through a handler of Jupyter: without a user, without a permission, with both.

    Args:
        application: The application of the server, guarded.
        provider: Its identity provider, with `get_user` of the adapter.

    Raises:
        HostChangedError: Jupyter does not ask one of them, or its pages contain the token of the server.
    """
    token = ""
    for user, allows, runs in (
        (None, True, False),
        (User("check"), False, False),
        (User("check"), True, True),
    ):
        authorizer = _Authorizer(allows=allows)
        with _replaced(application, provider, user, authorizer):
            handler = run_apart(partial(_execute, application))
        token = handler.token
        if handler.ran is not runs or authorizer.asked != [_RESOURCE] * (user is not None):
            raise HostChangedError(
                "a handler does not ask the identity provider, and then the authorizer, before it runs"
            )
    if token and not hasattr(provider, "hub_auth"):
        raise HostChangedError("pages contain the token of the server")


async def _execute(application: Application) -> _Checked:
    handler = _Checked(application, memory_request(f"/{_RESOURCE}"))
    await handler._execute([])  # noqa: SLF001 - as Tornado does with each request
    return handler


@contextmanager
def _replaced(
    application: Application, provider: Any, user: User | None, authorizer: _Authorizer
) -> Iterator[None]:
    """Let the provider find `user`, and let `authorizer` decide, for a while."""
    own = provider.get_user, application.settings["authorizer"]
    provider.get_user, application.settings["authorizer"] = lambda _: user, authorizer
    try:
        yield
    finally:
        provider.get_user, application.settings["authorizer"] = own
