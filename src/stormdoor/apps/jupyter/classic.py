"""The adapter of the classic Jupyter Notebook 6, which does not run on Jupyter Server."""

from __future__ import annotations

from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Setup
from stormdoor.apps.any import ADAPTER as ANY
from stormdoor.apps.host_class import is_instance_of
from stormdoor.errors import ConfigurationError

__all__ = ["ADAPTER"]


def _recognises(application: Application) -> bool:
    return is_instance_of(application, "notebook.notebookapp", "NotebookWebApplication")


def _protect(application: Application, setup: Setup) -> None:
    """Guard a server; where the guard's login opens its pages, switch its own login off.

    Its users would have to log in twice. The token and the password of the server name no user.

    Raises:
        ConfigurationError: The server still asks for its own login.
    """
    ANY.protect(application, setup)
    if setup.guard().protection.pages is None:
        return
    settings = application.settings
    settings["token"] = settings["password"] = ""
    if settings["login_handler_class"].get_login_available(settings):
        raise ConfigurationError(
            "Jupyter Notebook still asks for its own login; leave c.NotebookApp.login_handler_class out of "
            "its configuration"
        )


ADAPTER = Adapter("notebook", "app", _recognises, _protect)
