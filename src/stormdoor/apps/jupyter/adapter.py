"""The adapter of Jupyter Server, and of all applications that run in it.

The modules of Jupyter are imported once its release is known to have them.
"""

from __future__ import annotations

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Releases, Setup
from stormdoor.errors import ConfigurationError

__all__ = ["ADAPTER", "SERVER_RELEASES"]

SERVER_RELEASES = Releases("jupyter-server", "2.13", "2.21")


def _recognises(application: Application) -> bool:
    return all(name in application.settings for name in ("authorizer", "serverapp"))


def _protect(application: Application, setup: Setup) -> None:
    from stormdoor.apps.jupyter.server import protect_server  # noqa: PLC0415 - see above

    settings = application.settings
    if not settings["identity_provider"].auth_enabled:
        raise ConfigurationError(
            "Jupyter asks for no login: its token and its password are empty; leave out "
            '--IdentityProvider.token="" (--ServerApp.token=""), so that Jupyter makes a token'
        )
    protect_server(application, setup, settings["serverapp"])


ADAPTER = Adapter("jupyter", "jupyter", _recognises, _protect, (SERVER_RELEASES,), own_login=True)
