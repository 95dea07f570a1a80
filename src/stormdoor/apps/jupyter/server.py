"""Guard a server with the handlers of Jupyter. It needs Jupyter Server 2.13 or later."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tornado.web import Application

from stormdoor.apps.adapter import Setup
from stormdoor.apps.jupyter.authorizer import BothAuthorizers
from stormdoor.apps.jupyter.check import check_requests
from stormdoor.apps.jupyter.handler_cover import cover_handlers
from stormdoor.apps.jupyter.login import JupyterLogin
from stormdoor.apps.jupyter.pages import keep_token_out_of_pages
from stormdoor.apps.jupyter.requests import RequestChecks
from stormdoor.apps.jupyter.secret import renew_secret
from stormdoor.apps.jupyter.settings import Stormdoor
from stormdoor.auth.application.authenticator import ApplicationAuthenticator
from stormdoor.auth.authenticator import Authenticator
from stormdoor.config.protection import Protection
from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Public
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.access_log import redacting_log_function
from stormdoor.tornado.by_handler import bare
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.protect import protect

__all__ = ["protect_server"]

_PING_SECONDS = 30
_CLOSE_CODES = {3000: 1001}
"""The end of a login. JupyterLab opens a socket again unless its code is 1000 or 1001, and says "Kernel died"
when the server refuses it."""

_Value = TypeVar("_Value")


def protect_server(application: Application, setup: Setup, serverapp: Any) -> None:
    """Guard a server with the handlers of Jupyter: its sockets, its REST interface and its pages.

    Args:
        application: The application.
        setup: The setup of this process.
        serverapp: The program, with the configuration.

    Raises:
        ConfigurationError: The configuration does not ask Jupyter's own login.
        HostChangedError: This release does not ask for users or permissions as the adapter relies on.
    """
    settings = application.settings
    provider = settings["identity_provider"]
    options = Stormdoor(parent=serverapp)
    login = JupyterLogin(
        application,
        roles=options.roles,
        default_roles=options.default_roles,
        recheck_seconds=options.recheck_seconds,
    )

    def make() -> Guard:
        guard = setup.guard()
        _authenticator_of(guard).connect(
            login, () if hasattr(provider, "hub_auth") else _others(guard), schemes=("token",)
        )
        below = _below(guard.protection, settings.get("base_url", "/"))
        guard.protection = _of_present_routes(below, application)
        return guard

    # Jupyter's own sockets ping by themselves; those of extensions, such as shared notebooks, do not.
    settings["websocket_ping_interval"] = settings.get("websocket_ping_interval") or _PING_SECONDS
    own_log = settings.get("log_function")
    if own_log is not None:
        settings["log_function"] = redacting_log_function(own_log)
    protect(application, make)
    guard = setup.guard()
    guard.registry.close_codes |= _CLOSE_CODES
    checks = RequestChecks(guard, _authenticator_of(guard), login, provider)
    provider.get_user = checks.get_user
    provider.clear_login_cookie = checks.clear_login_cookie
    provider.set_login_cookie = checks.set_login_cookie
    both = BothAuthorizers.of(settings["authorizer"], provider, checks)
    settings["authorizer"] = serverapp.authorizer = both
    # A handler that an extension has not declared as open needs a login.
    settings["allow_unauthenticated_access"] = False
    renew_secret(application, provider, login)
    cover_handlers(application, checks)
    keep_token_out_of_pages(application, provider)
    check_requests(application, provider)


def _authenticator_of(guard: Guard) -> ApplicationAuthenticator:
    found = [one for one in guard.authenticators if isinstance(one, ApplicationAuthenticator)]
    if not found:
        raise ConfigurationError(
            "the guard does not ask the login of Jupyter; write in the configuration file: "
            '[[authenticators]] kind = "application"'
        )
    return found[0]


def _others(guard: Guard) -> Sequence[Authenticator]:
    return [one for one in guard.authenticators if not isinstance(one, ApplicationAuthenticator)]


def _below(protection: Protection, base_url: str) -> Protection:
    """Return the protection with its paths below the `base_url` of the server."""
    base = re.escape(base_url.rstrip("/"))
    if not base:
        return protection

    def moved(several: Mapping[str, _Value]) -> dict[str, _Value]:
        return {_path(base, path): value for path, value in several.items()}

    changes: dict[str, Any] = {
        name: moved(getattr(protection, name))
        for name in ("permissions", "limits", "messages", "transports")
    }
    for name in ("first_message", "receive_only", "optional"):
        changes[name] = tuple(_path(base, path) for path in getattr(protection, name))
    return replace(protection, **changes)


def _of_present_routes(protection: Protection, application: Application) -> Protection:
    """Return the protection without the messages of extensions in the preset that are not installed.

    INVARIANT: if such an extension adds its socket later, its messages are not checked by type; so the socket
    itself needs the permission that they need by default.
    """
    patterns = [bare(one.pattern) for one in inspect(application).routes]
    missing = {
        path: messages
        for path, messages in protection.messages.items()
        if path in protection.optional
        and not any(path == one or re.fullmatch(path, one) for one in patterns)
    }
    closed: dict[str, str | Public] = {
        path: messages.default or protection.permission or "extension:execute"
        for path, messages in missing.items()
    }
    kept = {path: one for path, one in protection.messages.items() if path not in missing}
    permissions = {**protection.permissions, **closed}
    return replace(protection, messages=kept, permissions=permissions)


def _path(base: str, path: str) -> str:
    return base + path if path.startswith("/") else path
