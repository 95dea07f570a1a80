"""The hook in a Python of `stormdoor run`: no HTTP server of Tornado listens before it is guarded.

It imports the standard library alone. Everything else is imported when a server is about to listen.

- `TCPServer.add_sockets`, `HTTPServer.handle_stream` and `HTTPServer.start_request` of Tornado ask it first.
  Every server of Tornado that serves HTTP passes one of them. So does each application before its first
  request: a program may put it in the place of another one while it serves, or no search finds it.
- `socket.listen` tells the parent of each listener, so that it asks other servers without delay; and the
  protocol of those that the table of adapters names, so that it does not ask them.
- `os.execv` and `os.execve` of the process that loaded it hand it on: `jupyter lab` becomes `jupyter-lab` so.
  A fork that executes another program, such as the shell of a terminal, does not.
- `multiprocessing` hands it on only for a host that serves in such a process, as the table of adapters says.
- All other child processes get neither the hook nor the settings.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib.abc
import inspect
import json
import os
import socket
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

__all__ = ["Hook", "install", "install_in_child"]

REFUSED = 125
"""Exit status of a process that may not serve."""
_VARIABLE = "STORMDOOR_RUN"
_LONGEST_REPORT = 32_000
_INTERCEPTED = "_stormdoor_interception"
"""The attribute of applications that are guarded, or that answer 503 (`stormdoor.tornado.interception`)."""
_INSTALL_IN_CHILD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("stormdoor_run_hook", path)
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install_in_child(settings, reports)
"""


class Hook:
    """The hook of one process and its forks.

    Args:
        settings: The settings of the run, from its parent.
        reports: The socket to the parent. Every report is one datagram.
    """

    def __init__(self, settings: dict[str, Any], reports: socket.socket) -> None:
        self.settings = settings
        self._reports = reports
        self._loaded_in = os.getpid()
        self._lock = threading.RLock()
        self._guarded: weakref.WeakSet[Any] = weakref.WeakSet()
        self._guarding: Any = None
        self._patches: list[Any] = []
        """The functions in the place of methods of Tornado that take part in a request."""
        self._binding = threading.local()
        self._protocol: contextvars.ContextVar[list[str]] = contextvars.ContextVar("protocol")
        """The protocol of listeners that are made now. Its list is emptied for copies of the context."""
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        self._guarded.clear()
        if self._guarding is not None:
            self._guarding.after_fork()

    def report(self, **said: object) -> None:
        """Send a report to the parent. Without a parent, nothing may be served."""
        message = json.dumps({"pid": os.getpid(), **said}).encode()
        try:
            self._reports.sendall(message[:_LONGEST_REPORT])
        except OSError:
            os._exit(REFUSED)

    def refuse(self, reason: str) -> NoReturn:
        """Report why nothing may be served, and end the process. No `except` of the program catches this."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # a closed stream: the process ends in any case
                stream.flush()
        command = " ".join(sys.orig_argv)[:200]  # the process will have ended
        self.report(event="refused", reason=reason[:8000], command=command)
        os._exit(REFUSED)

    def guard(
        self,
        server: Any,
        sockets: Sequence[socket.socket],
        connection: socket.socket | None = None,
    ) -> None:
        """Guard the application of a server that is about to listen on `sockets`, or end the process.

        Args:
            server: The server.
            sockets: Its listeners.
            connection: Its first connection, if the program accepts connections itself.
        """
        with self._lock:
            try:
                if self._guarding is None:
                    self._guarding = _guarding(self.settings, self._patches)
                found = self._guarding.guard(server, sockets, connection)
            except BaseException as error:  # noqa: BLE001 - fail closed on any error
                self.refuse(_reason(error))
            self._guarded.add(server)
            server.stormdoor_guarded = server.request_callback
        if found is None:
            return  # the operator lets it serve unguarded, and the parent reports it
        for one in sockets:
            # Another program that gets it has no guard, and is ended.
            one.set_inheritable(False)
        inodes = [os.fstat(one.fileno()).st_ino for one in sockets]
        self.report(event="guarded", inodes=inodes, **found)

    def guard_application(self, application: Any) -> None:
        """Guard an application that serves, and that no server had when it began to listen."""
        with self._lock:
            try:
                if self._guarding is None:
                    self._guarding = _guarding(self.settings, self._patches)
                found = self._guarding.guard_application(application)
            except BaseException as error:  # noqa: BLE001 - fail closed on any error
                self.refuse(_reason(error))
        self.report(event="guarded", inodes=[], **found)

    def admit_stream(self, server: Any, stream: Any) -> None:
        """Guard what a server serves, if it has no guard yet.

        The program may accept connections by itself, or replace the application of a server that listens.
        """
        if server in self._guarded and server.stormdoor_guarded is server.request_callback:
            return
        self.guard(server, [], getattr(stream, "socket", None))

    def report_host(self, host: types.ModuleType) -> None:
        """Tell the parent that this process runs a host with advice of its own."""
        self.report(event="host", host=host.__name__)

    # -- Tornado ---------------------------------------------------------------------------------

    def patch_tornado(self, httpserver: types.ModuleType) -> None:
        """Let every HTTP server of Tornado ask before it listens, reads and answers."""
        kind: Any = httpserver.HTTPServer
        base: Any = next(one for one in kind.__mro__ if "add_sockets" in vars(one))
        add_sockets, handle_stream = base.add_sockets, kind.handle_stream
        start_request = kind.start_request

        def add_sockets_guarded(server: Any, sockets: Iterable[socket.socket]) -> None:
            listed = list(sockets)
            # `start()` of a server without sockets adds none; Bokeh adds its own afterwards.
            if listed and isinstance(server, kind):
                self.guard(server, listed)
            add_sockets(server, listed)

        def handle_stream_guarded(server: Any, stream: Any, address: Any) -> Any:
            self.admit_stream(server, stream)
            return handle_stream(server, stream, address)

        def start_request_guarded(server: Any, connection: Any, request: Any) -> Any:
            self.admit_stream(server, getattr(connection, "stream", None))
            return start_request(server, connection, request)

        base.add_sockets = add_sockets_guarded
        kind.handle_stream = handle_stream_guarded
        kind.start_request = start_request_guarded
        self._patches += [handle_stream_guarded, start_request_guarded]

    def patch_application(self, web: types.ModuleType) -> None:
        """Let every application ask before its first request.

        Not its `find_handler`: an application in another one, which has a guard, needs none of its own.
        """
        for name in ("start_request", "__call__"):
            asking = self._asking(name, getattr(web.Application, name))
            self._patches.append(asking)
            setattr(web.Application, name, asking)

    def _asking(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def asking(application: Any, *args: Any, **kwargs: Any) -> Any:
            if _INTERCEPTED in vars(application):
                return method(application, *args, **kwargs)
            self.guard_application(application)
            return getattr(application, name)(*args, **kwargs)

        return asking

    def patch_routing(self, routing: types.ModuleType) -> None:
        """Ask for an application that a rule leads to: the program may add rules while it serves."""
        kind: Any = routing.RuleRouter
        get_target_delegate = kind.get_target_delegate

        def get_target_delegate_guarded(router: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
            web = sys.modules.get("tornado.web")
            if (
                web is not None
                and isinstance(target, web.Application)
                and _INTERCEPTED not in vars(target)
            ):
                self.guard_application(target)
            return get_target_delegate(router, target, *args, **kwargs)

        kind.get_target_delegate = get_target_delegate_guarded

    def patch_bind(self, netutil: types.ModuleType) -> None:
        """Note which listeners Tornado makes: their servers accept nothing before they are guarded."""
        bind: Callable[..., Any] = netutil.bind_sockets

        @functools.wraps(bind)
        def bind_sockets(*args: Any, **named: Any) -> Any:
            self._binding.by_tornado = True
            try:
                return bind(*args, **named)
            finally:
                del self._binding.by_tornado

        netutil.bind_sockets = bind_sockets  # type: ignore[attr-defined]

    def patch_listen(self) -> None:
        """Tell the parent of each new listener at once: it asks those that no server of Tornado has."""
        listen = socket.socket.listen

        def tell_and_listen(listener: socket.socket, *backlog: int) -> None:
            inode = os.fstat(listener.fileno()).st_ino
            protocol = "".join(self._protocol.get([]))
            deferred = hasattr(self._binding, "by_tornado")
            self.report(event="listens", inode=inode, deferred=deferred, protocol=protocol)
            listen(listener, *backlog)

        setattr(socket.socket, "listen", tell_and_listen)  # noqa: B010 - for mypy

    def patch_other_protocols(self, module: types.ModuleType) -> None:
        """Tell the parent which listeners of a host speak no HTTP, as the table of adapters names them."""
        for row in self.settings["other_protocols"]:
            kind, _, name = row["method"].partition(".")
            owner = getattr(module, kind, None)
            method = getattr(owner, name, None)
            if row["module"] == module.__name__ and method is not None:
                setattr(owner, name, self._announcing(method, row))

    def _announcing(self, method: Callable[..., Any], row: dict[str, Any]) -> Callable[..., Any]:
        @contextlib.contextmanager
        def protocol_named() -> Iterator[None]:
            named = [] if row["ports"] else [row["protocol"]]
            token = self._protocol.set(named)
            try:
                yield
            finally:
                named.clear()
                self._protocol.reset(token)

        @functools.wraps(method)
        async def awaited(*args: Any, **named: Any) -> Any:
            with protocol_named():
                return await method(*args, **named)

        @functools.wraps(method)
        def called(one: Any, *args: Any, **named: Any) -> Any:
            with protocol_named():
                result = method(one, *args, **named)
            host = getattr(one, row["host"], None)
            found = [f"{host}:{getattr(one, port, None)}" for port in row["ports"]]
            self.report(event="announces", addresses=found, protocol=row["protocol"])
            return result

        return awaited if inspect.iscoroutinefunction(method) else called

    # -- programs that this one becomes or starts --------------------------------------------------

    def patch_exec(self) -> None:
        """Hand the hook on to the program that this process becomes."""
        execve = os.execve

        def execv_with_hook(path: Any, args: Any, /) -> NoReturn:
            execve_with_hook(path, args, os.environ)

        def execve_with_hook(path: Any, args: Any, env: Any) -> NoReturn:
            if os.getpid() != self._loaded_in:
                execve(path, args, env)
            variables = dict(env)
            copy = os.dup(self._reports.fileno())
            stored = _stored(self.settings)
            os.set_inheritable(copy, True)
            os.set_inheritable(stored, True)
            variables[_VARIABLE] = f"{stored},{copy}"
            startup = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as it was
            before = variables.get("PYTHONPATH")
            variables["PYTHONPATH"] = startup + (os.pathsep + before if before else "")
            try:
                execve(path, args, variables)
            finally:  # it has failed: `execvp` tries the next folder of PATH
                os.close(stored)
                os.close(copy)

        setattr(os, "execv", execv_with_hook)  # noqa: B010 - for mypy, its types are others
        setattr(os, "execve", execve_with_hook)  # noqa: B010

    def patch_multiprocessing(self, spawn: types.ModuleType) -> None:
        """Hand the hook on to processes of `multiprocessing`, if the host serves in them."""
        prepared: Callable[[str], dict[str, Any]] = spawn.get_preparation_data

        def get_preparation_data(name: str) -> dict[str, Any]:
            data = prepared(name)
            if any(one in sys.modules for one in self.settings["serves_in_children"]):
                # Unpickled before everything else, since it is the first entry.
                return {"stormdoor_run": _HandedOn(self.settings, self._reports), **data}
            return data

        spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


class _HandedOn:
    """Installs the hook where it is unpickled: in a process that `multiprocessing` has started."""

    def __init__(self, settings: dict[str, Any], reports: socket.socket) -> None:
        self._settings, self._reports = settings, reports

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        from multiprocessing import reduction

        handed_on = {
            "path": __file__,
            "settings": json.dumps(self._settings),
            "reports": reduction.DupFd(self._reports.fileno()),
        }
        # `exec`, since the other process cannot import this module by its name.
        return exec, (_INSTALL_IN_CHILD, handed_on)


def _guarding(settings: dict[str, Any], patches: Sequence[Any]) -> Any:
    """Return the part of stormdoor that guards, from the environment of this Python."""
    try:
        from stormdoor.run.in_process import InProcess
    except ImportError as error:
        raise RuntimeError(
            f"stormdoor cannot be imported by {sys.executable} ({error}); write {sys.executable} -m pip "
            "install stormdoor"
        ) from error
    return InProcess(settings, patches)


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    known = type(error).__module__.startswith("stormdoor") or type(error) is RuntimeError
    return text if known else f"{type(error).__name__}: {text}"


def _stored(settings: dict[str, Any]) -> int:
    """Return the descriptor of a file without a name that has the settings."""
    descriptor = os.memfd_create("stormdoor-run")
    os.write(descriptor, json.dumps(settings).encode())
    return descriptor


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function after a module was imported, before its importer gets it."""

    def __init__(self, hooks: dict[str, Callable[[types.ModuleType], None]]) -> None:
        self._hooks = hooks

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname not in self._hooks:
            return None
        hook = self._hooks.pop(fullname)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)  # as Python does: old finders have none
            if finder is self or find is None:
                continue
            spec = find(fullname, path, target)
            if spec is not None and spec.loader is not None:
                _call_after(spec.loader, hook)
                return spec
        self._hooks[fullname] = hook
        return None


def _call_after(loader: Any, hook: Callable[[types.ModuleType], None]) -> None:
    run = loader.exec_module

    def exec_module(module: types.ModuleType) -> None:
        run(module)
        hook(module)

    loader.exec_module = exec_module


def _start(settings: dict[str, Any], reports: socket.socket) -> None:
    hook = Hook(settings, reports)
    hook.patch_exec()
    hook.patch_listen()
    wanted: dict[str, Callable[[types.ModuleType], None]] = {
        "tornado.httpserver": hook.patch_tornado,
        "tornado.routing": hook.patch_routing,
        "tornado.web": hook.patch_application,
        "tornado.netutil": hook.patch_bind,
        "multiprocessing.spawn": hook.patch_multiprocessing,
    }
    for host in settings["hosts"]:
        wanted[host] = hook.report_host
    for row in settings["other_protocols"]:
        wanted[row["module"]] = hook.patch_other_protocols
    for name in list(wanted):
        if name in sys.modules:
            wanted.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _AfterImport(wanted))


def install(given: str) -> None:
    """Install the hook in this process.

    Args:
        given: The descriptors of the settings and of the socket for reports. Other programs that the same
            shell starts read them too.
    """
    stored, reports = (int(one) for one in given.split(","))
    os.set_inheritable(reports, False)
    size = os.fstat(stored).st_size
    settings = json.loads(os.pread(stored, size, 0))
    os.close(stored)
    _start(settings, socket.socket(fileno=reports))


def install_in_child(settings: str, reports: Any) -> None:
    """Install the hook in a process of `multiprocessing`.

    Args:
        settings: The settings as JSON.
        reports: The handed on descriptor of the socket for reports.
    """
    _start(json.loads(settings), socket.socket(fileno=reports.detach()))
