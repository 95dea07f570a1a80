"""The adapter of Jupyter Kernel Gateway, which serves the kernels of Jupyter Server to programs."""

from __future__ import annotations

from typing import Any

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.apps.jupyter.adapter import SERVER_RELEASES

__all__ = ["ADAPTER"]

_TOKEN = "kg_auth_token"  # noqa: S105 - the name of a setting


def _recognises(application: Application) -> bool:
    return all(name in application.settings for name in (_TOKEN, "identity_provider"))


def _protect(application: Application, setup: Setup) -> None:
    """Guard a Kernel Gateway, with its own token and with keys of the guard.

    Without a token, the gateway would accept all clients. Then keys alone open it.
    """
    from stormdoor.apps.jupyter.server import protect_server  # noqa: PLC0415 - as in `adapter`

    settings = application.settings
    provider: Any = settings["identity_provider"]
    if not provider.token:
        provider.get_user = _none
    # The identity provider compares the same token. The check of the gateway itself would refuse a key.
    settings[_TOKEN] = ""
    # A gateway needs its token at each request. The code of Jupyter would also accept an earlier cookie.
    provider.get_user_cookie = provider.set_login_cookie = _none
    protect_server(application, setup, provider.parent)


def _none(*_: Any) -> None:
    """Find no user, and set no cookie."""


ADAPTER = Adapter(
    "kernel-gateway",
    "jupyter",
    _recognises,
    _protect,
    (SERVER_RELEASES, Releases("jupyter-kernel-gateway", "3", "3.0")),
    own_login=True,
)
