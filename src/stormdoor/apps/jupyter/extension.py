"""The extension of Jupyter Server: makes the guard from Jupyter's configuration, and guards the server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.web import Application

from stormdoor.apps.adapter import Setup
from stormdoor.apps.jupyter.adapter import ADAPTER
from stormdoor.apps.jupyter.handler_cover import is_plain
from stormdoor.apps.jupyter.settings import Stormdoor
from stormdoor.config.file import GuardOptions, read_options
from stormdoor.config.preset import preset_file
from stormdoor.core.origin import LOOPBACK_NAMES, origins_at
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.inspection import inspect

__all__ = ["guard_server"]

_GUARDED = "stormdoor_guard"
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - compared, not listened on
_FILE = "stormdoor.toml"


def guard_server(serverapp: Any) -> None:
    """Guard the application of a Jupyter server, before it listens.

    Raises:
        ConfigurationError: It cannot be guarded; the message names the line to change.
    """
    application: Application = serverapp.web_app
    if _GUARDED in application.settings:
        return  # `stormdoor run` has guarded it
    options = Stormdoor(parent=serverapp)
    written = options.config_file or (_FILE if Path(_FILE).exists() else "")
    path = Path(written) if written else preset_file(ADAPTER.preset)
    read = read_options(path, preset=ADAPTER.preset)
    named = options.origins or read.arguments.get("origins")
    setup = Setup(
        lambda: _make_guard(serverapp, options, read, named),
        any_release=options.any_release,
        any_release_line="c.Stormdoor.any_release = True",
    )
    ADAPTER.guard(application, setup)
    serverapp.io_loop.add_callback(_report, serverapp, setup.guard(), derived=not named)


def _make_guard(
    serverapp: Any, options: Stormdoor, read: GuardOptions, named: Sequence[str] | None
) -> Guard:
    arguments: dict[str, Any] = dict(read.arguments)
    arguments["origins"] = named or _origins(serverapp, serverapp.port)
    if options.store or arguments.get("store") in (None, "memory:"):
        arguments["store"] = options.store or _store(serverapp)
    if options.trusted_proxies:
        arguments["trusted_proxies"] = options.trusted_proxies
    elif serverapp.trust_xheaders and not arguments.get("trusted_proxies"):
        arguments["trusted_proxies"] = ["127.0.0.0/8", "::1/128"]
    guard = Guard(**arguments)
    guard.inline_secrets = read.inline_secrets
    return guard


def _store(serverapp: Any) -> str:
    folder = Path(serverapp.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:{folder / 'stormdoor.db'}"


def _origins(serverapp: Any, port: int) -> list[str]:
    """Return the origins of the pages that the server itself serves.

    Raises:
        ConfigurationError: They cannot be known.
    """
    public = [
        f"{parts.scheme}://{parts.netloc}"
        for name in ("JUPYTERHUB_PUBLIC_URL", "JUPYTERHUB_PUBLIC_HUB_URL")
        if (parts := urlsplit(os.environ.get(name, ""))).netloc
    ]
    if "JUPYTERHUB_SERVICE_URL" in os.environ:
        if public:
            return list(dict.fromkeys(public))
        raise ConfigurationError(
            "the address of the Hub's pages is not known; write in jupyter_server_config.py: "
            'c.Stormdoor.origins = ["https://hub.example"], or c.JupyterHub.public_url in the configuration '
            "of the Hub"
        )
    names = list(LOOPBACK_NAMES)
    if serverapp.ip not in (*_ANY_ADDRESS, *LOOPBACK_NAMES, "::1"):
        names.append(f"[{serverapp.ip}]" if ":" in serverapp.ip else serverapp.ip)
    found = origins_at(names, port, secure=bool(serverapp.certfile)) if port else []
    shown = urlsplit(serverapp.custom_display_url)
    if shown.netloc:
        found.append(f"{shown.scheme}://{shown.netloc}")
    if serverapp.allow_origin not in ("", "*"):
        found.append(serverapp.allow_origin)
    return found


def _report(serverapp: Any, guard: Guard, *, derived: bool) -> None:
    """Log what is guarded. It runs when the port is known, before the server listens."""
    origins = guard.handshake_policy.origins
    if derived:
        origins.add(_origins(serverapp, serverapp.port))
    serverapp.log.info(
        "stormdoor guards the sockets, pages and REST interface of this server; store: %s; pages: %s",
        guard.store_url,
        ", ".join(origins.entries),
    )
    for name in _readable_secrets(serverapp, guard):
        serverapp.log.warning(
            "stormdoor: each user, also a viewer, can read %s below the root directory; move it, or write "
            'c.ServerApp.root_dir = "notebooks"',
            name,
        )
    for line in _open_routes(serverapp.web_app):
        serverapp.log.info("stormdoor: open without a login, as its extension declares: %s", line)


def _readable_secrets(serverapp: Any, guard: Guard) -> Sequence[str]:
    """Return the files that show secrets to every user: configuration, token and store of the server."""
    root = Path(serverapp.root_dir).resolve()
    scheme, _, store = (guard.store_url or "").partition(":")
    secret = [*serverapp.loaded_config_files, serverapp.runtime_dir]
    secret += [store.removeprefix("//")] if scheme == "sqlite" else []
    found: dict[str, None] = {}
    for path in (Path(one).resolve() for one in secret):
        if path.is_relative_to(root):
            below = path.relative_to(root)
            hidden = any(one.startswith(".") for one in below.parts)
            if serverapp.contents_manager.allow_hidden or not hidden:
                found[str(below)] = None
    return list(found)


def _open_routes(application: Application) -> Sequence[str]:
    """Return the routes of extensions that need no login."""
    found: Mapping[str, None] = {
        f"{one.pattern} ({one.handler.__module__})": None
        for one in inspect(application).routes
        if one.handler.__module__.partition(".")[0] not in ("jupyter_server", "jupyterhub")
        and (is_plain(one.handler) or hasattr(one.handler, "get"))
        and getattr(one.handler.get, "__allow_unauthenticated", False)
    }
    return list(found)
