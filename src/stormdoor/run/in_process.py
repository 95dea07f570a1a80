"""Guard the applications of one process of `stormdoor run`, when a server is about to listen."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.web import Application

from stormdoor.apps.adapter import Adapter, Setup
from stormdoor.apps.table import choose_adapter
from stormdoor.auth.own_process.authenticator import OwnProcessAuthenticator
from stormdoor.config.file import read_options
from stormdoor.config.preset import preset_file
from stormdoor.config.protection import Protection
from stormdoor.core.origin import LOOPBACK_NAMES, origins_at
from stormdoor.errors import ConfigurationError
from stormdoor.logs import log_as_json
from stormdoor.run.find_application import Outermost, find_applications
from stormdoor.run.own_clients import authenticate_own_clients
from stormdoor.run.settings import RunSettings, own_version
from stormdoor.runtime.guard import Guard
from stormdoor.settings.installation import own_command
from stormdoor.tornado.answer_check import check_answer
from stormdoor.tornado.front import attach_front, recognise_patches
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.interception import intercept, intercepted
from stormdoor.tornado.login_route import LoginRoute
from stormdoor.tornado.startup_check import changing_routes

__all__ = ["InProcess"]

_SHOWN = 20
_SHOWN_UNGUARDED = 100


class InProcess:
    """Guards the applications of this process.

    Args:
        settings: The settings of the run.
        patches: The functions that the hook has put in the place of Tornado's.

    Raises:
        ConfigurationError: Another version of stormdoor started the program.
    """

    def __init__(self, settings: Mapping[str, Any], patches: Iterable[FunctionType]) -> None:
        recognise_patches(patches)
        self._settings = msgspec.convert(settings, RunSettings)
        here = own_version()
        if here != self._settings.version:
            raise ConfigurationError(
                f"this environment has stormdoor {here}, and stormdoor run is {self._settings.version}; "
                "install the same release in both"
            )
        self._setup: Setup | None = None
        self._origins: list[str] = []
        self._derives_origins = True
        self._ports: set[int] = set()
        self._adapters: dict[int, str] = {}
        self._outermost: dict[int, Outermost] = {}
        """By the id of the object behind each, which it keeps alive."""

    def after_fork(self) -> None:
        """Forget the guard of the process that was forked: this one makes its own."""
        if self._setup is not None and self._setup.made:
            return  # `guard` refuses to use it
        self._setup = None

    def guard(
        self,
        server: HTTPServer,
        sockets: Sequence[socket.socket],
        connection: socket.socket | None = None,
    ) -> dict[str, object] | None:
        """Guard the applications behind `server`.

        Args:
            server: The server.
            sockets: Its listeners.
            connection: Its first connection, if the program accepts connections itself. Its local address is
                that of the listener.

        Returns:
            The facts for the report to the operator; None if the operator lets the server serve unguarded and
            nothing of it is guarded.

        Raises:
            ConfigurationError: There is none, or it cannot be guarded, or nothing of it would be guarded.
        """
        if self._settings.log_format == "json":
            log_as_json()  # again for each server: the program may have set its log up since
        if not threading.main_thread().is_alive():
            raise ConfigurationError(
                "the main thread of the program has ended, and Python starts no other thread then, which "
                "the guard needs; let the main thread wait for the thread that serves: thread.join()"
            )
        addresses = [_address(one) for one in sockets]
        if self._settings.certificate and server.ssl_options is None:
            self._turn_on_tls(server, addresses)
        secure = server.ssl_options is not None
        local = sockets if connection is None else [*sockets, connection]
        self._allow([_origin(one, secure=secure) for one in local])
        names = [one.getsockname() for one in local]
        self._ports.update(name[1] for name in names if isinstance(name, tuple))
        found = find_applications(server.request_callback)
        if found.complete:
            applications, around = list(found.applications.values()), found.around
        else:
            applications, around = [self._in_front_of(server)], []
        new = [one for one in applications if "stormdoor_guard" not in one.settings]
        said = self._guard_all(applications)
        if not (said["endpoints"] or said["choosers"]):
            allowed = local and all(self._settings.allows(_address(one)) for one in local)
            if allowed and (new == applications or not said["pages"]):
                for one in new:
                    _wrapper(one).guards_pages = False
                return None
            if not said["pages"]:
                raise ConfigurationError(
                    f"{_names(applications)} has no WebSocket, so that nothing of it would be guarded; "
                    "guard its pages (leave insecure_unguarded_pages out, or write protect(..., pages=...) "
                    "in the program), or let it serve unguarded with --insecure-allow-http "
                    f"{addresses[0] if addresses else 'ADDRESS'}"
                )
        if not isinstance(server.request_callback, Application):
            _check_answers(server)
        attach_front(server)
        return {**said, "addresses": addresses, "secure": secure, "around": around}

    def _turn_on_tls(self, server: HTTPServer, addresses: Sequence[str]) -> None:
        """Let a server that the program starts without TLS speak it, with the certificate of this run.

        Raises:
            ConfigurationError: It accepts its connections elsewhere, or from a proxy at a Unix socket.
        """
        if addresses and all(self._settings.allows(one) for one in addresses):
            return
        if not addresses or any(one.startswith("unix:") for one in addresses):
            raise ConfigurationError(
                "--tls-self-signed is for servers that listen on a TCP port themselves, and this one has a "
                "Unix socket, or accepts connections elsewhere; leave it out, and tls below [run] of the file"
            )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._settings.certificate)
        server.ssl_options = context

    def guard_application(self, application: Application) -> dict[str, object]:
        """Guard an application that is about to serve its first request.

        The program has put it in the place of one that was there when its server began to listen. It may
        have no WebSocket.

        Raises:
            ConfigurationError: It cannot be guarded.
        """
        return {
            **self._guard_all([application]),
            "addresses": [],
            "secure": False,
            "around": [],
        }

    def _guard_all(self, applications: Sequence[Application]) -> dict[str, object]:
        """Guard applications, and return what is guarded, for the report to the operator."""
        names = [self._guard(one) for one in applications]
        endpoints = [one for each in applications for one in _endpoints(each)]
        unguarded = [one for one in applications if not _wrapper(one).guards_pages]
        return {
            "application": _names(applications),
            "adapter": ", ".join(sorted(set(names))),
            "endpoints": endpoints[:_SHOWN],
            "endpoints_count": len(endpoints),
            "choosers": [name for one in applications for name in inspect(one).choosers],
            "pages": not unguarded,
            "unguarded": _shown_of([route for one in unguarded for route in _unguarded(one)]),
            "login": next((one for one in map(_login_of, applications) if one), None),
            "programs": _for_programs(
                applications[0].settings["stormdoor_guard"], self._settings.installation
            ),
        }

    def _in_front_of(self, server: HTTPServer) -> Outermost:
        """Put an application in front of the object that `server` serves, and return it.

        Two servers of one object, such as one in clear and one over TLS, share it.
        """
        served = server.request_callback
        outermost = self._outermost.setdefault(id(served), Outermost(served))
        server.request_callback = outermost
        return outermost

    def _guard(self, application: Application) -> str:
        if intercepted(application) and intercept(application).wrapper is None:
            raise ConfigurationError(
                "the program called protect(), which failed; correct the problem that it names"
            )
        if "stormdoor_guard" in application.settings:
            name = self._adapters.get(id(application), "protect() of the program")
            if id(application) in self._adapters and self._setup is not None:
                self._setup.guard()  # refuses a guard that was made before a fork
            return name
        adapter = choose_adapter(application)
        if self._setup is None:
            settings = self._settings
            self._setup = Setup(
                lambda: self._make_guard(adapter),
                any_release=settings.any_release,
                key=bytes.fromhex(settings.key),
            )
        adapter.guard(application, self._setup)
        if "stormdoor_guard" not in application.settings:
            raise ConfigurationError(
                f"the adapter {adapter.name!r} has not guarded the application"
            )
        self._adapters[id(application)] = adapter.name
        return adapter.name

    def _allow(self, origins: Sequence[Sequence[str]]) -> None:
        """Allow the pages of the addresses of a server, unless the configuration names the origins."""
        new = [one for several in origins for one in several if one not in self._origins]
        self._origins += new
        if self._setup is not None and self._setup.made and self._derives_origins:
            self._setup.guard().handshake_policy.origins.add(new)

    def _make_guard(self, adapter: Adapter) -> Guard:
        settings = self._settings
        preset = settings.preset or adapter.preset
        path = preset_file(preset) if settings.config is None else Path(settings.config)
        with _variables(settings.secrets):
            options = read_options(path, preset=preset)
        arguments = dict(options.arguments)
        written = tuple(arguments.get("origins") or ())
        self._derives_origins = not written
        arguments["origins"] = (*written, *settings.origins, *(() if written else self._origins))
        if not arguments["origins"] and settings.config is None:
            raise ConfigurationError(
                "the program listens on no TCP port, so that the address of its pages is not known; write "
                'origins = ["https://app.example"] and trusted_proxies = ["127.0.0.1"] into a file, and '
                "start it with stormdoor run --config FILE"
            )
        if arguments.get("store") in (None, "memory:"):
            arguments["store"] = settings.store
        if settings.trail_key:
            arguments["trail_key"] = bytes.fromhex(settings.trail_key)
        arguments["protection"] = self._with_pages(arguments["protection"], adapter)
        guard = Guard(**arguments)
        guard.inline_secrets = options.inline_secrets
        guard.under_run = True
        own = [one for one in guard.authenticators if isinstance(one, OwnProcessAuthenticator)]
        if own:
            authenticate_own_clients(own, self._ports)
        return guard

    def _with_pages(self, protection: Protection, adapter: Adapter) -> Protection:
        """Return the protection with a permission for each page: that of the sockets, if it names none.

        Raises:
            ConfigurationError: It names no permission for pages, nor for all sockets.
        """
        if self._settings.unguarded_pages:
            protection = replace(protection, pages=None, insecure_unguarded_pages=True)
        if protection.insecure_unguarded_pages or adapter.own_login:
            return protection
        if isinstance(protection.permission, str):
            pages = {} if protection.pages is None else protection.pages
            return replace(protection, pages=pages, other_pages=protection.permission)
        if protection.pages is None:
            raise ConfigurationError(
                'pages need a permission; write pages = "app:use" in [protect] of the configuration'
            )
        return protection


def _check_answers(server: HTTPServer) -> None:
    """Check each answer of a server: code around its applications answers requests by itself, too."""
    start = server.start_request

    def start_request(server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        check_answer(request_conn, server.request_callback)
        return start(server_conn, request_conn)

    setattr(server, "start_request", start_request)  # noqa: B010 - a method


@contextmanager
def _variables(secrets: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a moment: the program and its children must not have them."""
    before = {name: os.environ.get(name) for name in secrets}
    os.environ.update(secrets)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _address(one: socket.socket) -> str:
    name = one.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name.decode(errors='replace') if isinstance(name, bytes) else name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"


def _origin(one: socket.socket, *, secure: bool) -> list[str]:
    """Return the origins of a page that a browser of this machine gets from a listener."""
    name = one.getsockname()
    if not isinstance(name, tuple):
        return []
    return origins_at(LOOPBACK_NAMES, name[1], secure=secure)


def _endpoints(application: Application) -> list[dict[str, str]]:
    """Return the guarded sockets and transports of an application, with their permissions."""
    wrapper = _wrapper(application)
    found: dict[str, str] = {}
    for route in inspect(application).routes:
        endpoint = wrapper.endpoint(route)
        if endpoint is not None:
            needs = endpoint.permission or f"public: {endpoint.public.reason}"
            found.setdefault(route.pattern.removesuffix("$"), needs)
    return [{"path": path, "permission": needs} for path, needs in found.items()]


def _for_programs(guard: Guard, installation: str) -> str:
    """Return the advice for clients that are programs: the credential that they send.

    Args:
        guard: The guard of the application.
        installation: The options with which a command finds the store.
    """
    kinds = {one.kind for one in guard.authenticators}
    if "api-key" in kinds:
        advice = (
            "programs send Authorization: Bearer KEY; for a KEY: "
            f'{own_command()} keys issue NAME --name first --scope "*" {installation}'
        )
    else:
        advice = 'programs need a credential, such as kind = "api-key" in [[authenticators]]'
    if "own-process" in kinds:
        return advice
    return f'{advice}; this program itself, if it connects to itself: kind = "own-process"'


def _unguarded(application: Application) -> list[str]:
    """Return the routes of unguarded pages that accept requests that change something."""
    found, wrapper = inspect(application), _wrapper(application)
    return changing_routes(found, [one for one in found.routes if wrapper.endpoint(one)])


def _shown_of(several: list[str]) -> list[str]:
    """Return the beginning of a list: a report of more than 32,000 bytes would not arrive."""
    if len(several) <= _SHOWN_UNGUARDED:
        return several
    return [*several[:_SHOWN_UNGUARDED], f"and {len(several) - _SHOWN_UNGUARDED} more"]


def _wrapper(application: Application) -> Any:
    return intercept(application).wrapper


def _login_of(application: Application) -> str | None:
    for route in inspect(application).routes:
        if issubclass(route.handler, LoginRoute):
            return str(route.arguments["route_options"].login_page)
    return None


def _names(applications: Iterable[Application]) -> str:
    return ", ".join(sorted({_name(one) for one in applications}))


def _name(application: Application) -> str:
    if isinstance(application, Outermost):
        return application.served
    kind = type(application)
    return f"{kind.__module__}.{kind.__qualname__}"
