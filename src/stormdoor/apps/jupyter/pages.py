"""Keep the token of the server out of the pages that it serves."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.identity import LegacyIdentityProvider
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import Application

__all__ = ["keep_token_out_of_pages"]

_PATCHED = "_stormdoor_without_token"


def keep_token_out_of_pages(application: Application, provider: Any) -> None:
    """Let no page contain the token of the server.

    JupyterLab writes it into each page. With it, a viewer would have the roles of the server's user, and an
    open page would log its browser in again after a logout. Pages work with the cookie alone, as they do with
    a password. JupyterHub gives each page the token of its own user, which stays.

    Args:
        application: The application of the server.
        provider: The identity provider.
    """
    if hasattr(provider, "hub_auth"):
        return
    settings = application.settings
    own_hook = settings.get("page_config_hook")

    def hook(handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:
        changed = page_config if own_hook is None else own_hook(handler, page_config)
        return {**changed, "token": ""}

    settings["page_config_hook"] = hook
    if not isinstance(provider, LegacyIdentityProvider):
        settings["token"] = ""  # Notebook 7 reads it here
    if not hasattr(JupyterHandler, _PATCHED):
        namespace = JupyterHandler.template_namespace.fget
        JupyterHandler.template_namespace = property(lambda self: {**namespace(self), "token": ""})
        setattr(JupyterHandler, _PATCHED, True)
