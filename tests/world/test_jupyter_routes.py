"""Every route of a Jupyter server with extensions, as its routing table has them when it runs.

A route of a new release or of another extension is not in the lists below, so a viewer must not pass it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import httpx2
import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard
from tests.support.ports import free_port
from tests.world.applications.jupyterlab import log_in
from tests.world.checks import run_command
from tests.world.client import Client, RefusedError, open_socket
from tests.world.environment import require
from tests.world.jupyter_site import jupyter
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

RELEASES = ["jupyterlab-extensions", "jupyterlab-oldest"]

_TABLE = """
import json

from stormdoor.tornado.inspection import inspect
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def _jupyter_server_extension_points():
    return [{"module": "routes"}]


def _row(route):
    handler = route.handler
    own = [one for one in METHODS if getattr(handler, one) is not getattr(RequestHandler, one)]
    return {
        "pattern": route.pattern,
        "name": f"{handler.__module__.partition('.')[0]} {handler.__name__}",
        "methods": own,
        "socket": issubclass(handler, WebSocketHandler),
    }


def _load_jupyter_server_extension(serverapp):
    def write():
        with open("routes.json", "w") as file:
            json.dump([_row(one) for one in inspect(serverapp.web_app).routes], file)

    serverapp.io_loop.add_callback(write)
"""

_OPEN = {
    "jupyter_server APIVersionHandler": "the version",
    "jupyter_server FileFindHandler": "static files of an installed package",
    "jupyter_server LoginFormHandler": "the login",
    "jupyter_server LogoutHandler": "ends the login of the request",
    "jupyter_server NotebooksRedirectHandler": "a redirect",
    "jupyter_server PrometheusMetricsHandler": "asks for a login itself",
    "jupyter_server PublicStaticFileHandler": "robots.txt and favicon.ico",
    "jupyter_server RedirectWithParams": "a redirect",
    "jupyter_server TrailingSlashHandler": "a redirect",
    "jupyterlab_server ThemesHandler": "static files of an installed theme",
    "tornado RedirectHandler": "a redirect",
}
"""Handlers that are open to unauthenticated clients, and what they give."""

_VIEWED = {
    "jupyter_lsp LanguageServersHandler",
    "jupyter_server APISpecHandler",
    "jupyter_server APIStatusHandler",
    "jupyter_server AuthenticatedFileHandler",
    "jupyter_server CheckpointsHandler",
    "jupyter_server ConfigHandler",
    "jupyter_server ContentsHandler",
    "jupyter_server IdentityHandler",
    "jupyter_server KernelHandler",
    "jupyter_server KernelSpecHandler",
    "jupyter_server KernelSpecResourceHandler",
    "jupyter_server KernelWebsocketHandler",
    "jupyter_server MainKernelHandler",
    "jupyter_server MainKernelSpecHandler",
    "jupyter_server PathResolverHandler",
    "jupyter_server SessionHandler",
    "jupyter_server SessionRootHandler",
    "jupyter_server SubscribeWebsocket",
    "jupyter_server Template404",
    "jupyter_server ViewHandler",
    "jupyter_server_fileid FileIDHandler",
    "jupyter_server_fileid FilePathHandler",
    "jupyter_server_terminals TerminalHandler",
    "jupyter_server_terminals TerminalRootHandler",
    "jupyter_server_ydoc DocForkHandler",
    "jupyter_server_ydoc TimelineHandler",
    "jupyter_server_ydoc YDocWebSocketHandler",
    "jupyterlab BuildHandler",
    "jupyterlab CheckForUpdateHandler",
    "jupyterlab ExtensionHandler",
    "jupyterlab NewsHandler",
    "jupyterlab PluginHandler",
    "jupyterlab_server LabHandler",
    "jupyterlab_server ListingsHandler",
    "jupyterlab_server NotFoundHandler",
    "jupyterlab_server SettingsHandler",
    "jupyterlab_server TranslationsHandler",
    "jupyterlab_server WorkspacesHandler",
    "nbclassic CustomViewHandler",
    "nbclassic EditorHandler",
    "nbclassic NotebookHandler",
    "nbclassic TreeHandler",
    "notebook ConsoleHandler",
    "notebook CustomCssHandler",
    "notebook FileHandler",
    "notebook NotebookHandler",
    "notebook TerminalHandler",
    "notebook TreeHandler",
}
"""Handlers that were read: their GET shows something, and changes and starts nothing."""

_ELSE_VIEWED = {
    ("jupyter_server CSPReportHandler", "post"),
    ("jupyter_server_ydoc DocSessionHandler", "put"),  # opens a shared document
}


_SILENT = "jupyterlab_server LicensesHandler"
"""It answers no refusal, with or without the guard: its `finish` needs an argument."""


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: str
    name: str
    methods: list[str]
    socket: bool

    @property
    def path(self) -> str:
        """A path of the route."""
        return "".join(_text(parser.parse(self.pattern))) or "/"


def _text(items: Any) -> Iterator[str]:
    """Yield a text that a parsed pattern matches: the first alternative, and each repetition once."""
    for kind, value in items:
        match str(kind):
            case "LITERAL":
                yield chr(value)
            case "ANY" | "NOT_LITERAL":
                yield "a"
            case "IN":
                yield _of_set(value)
            case "SUBPATTERN":
                yield from _text(value[3])
            case "BRANCH":
                yield from _text(value[1][0])
            case "MAX_REPEAT" | "MIN_REPEAT":
                yield from _text(value[2]) if value[1] else ()
            case "AT":
                pass
            case other:
                raise AssertionError(f"write a path for {other}")


def _of_set(items: Any) -> str:
    kind, value = items[0]
    if str(kind) == "LITERAL":
        return chr(value)
    return "1" if "DIGIT" in str(value) else "a"


@pytest.fixture(scope="module", params=RELEASES)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A guarded server that writes its routing table into a file."""
    require(request.param)
    enabled = 'c.ServerApp.jpserver_extensions["routes"] = True'
    with jupyter(request.param, config=enabled, files={"routes.py": _TABLE}) as site:
        yield site


def _routes(site: Site) -> list[_Route]:
    """Return the routes that serve their path: an earlier one may match it as well."""
    rows = json.loads((site.folder / "routes.json").read_text("utf-8"))
    found: list[_Route] = []
    for one in (_Route(**row) for row in rows):
        assert re.fullmatch(one.pattern, one.path), one
        if not any(re.fullmatch(each.pattern, one.path) for each in found):
            found.append(one)
    return [one for one in found if one.name != _SILENT]


async def _statuses(client: Client, routes: list[_Route]) -> dict[tuple[str, str, str], int]:
    """Return the status of each request, by handler, method and path; that of a handshake for sockets."""
    cookies = "; ".join(f"{name}={said}" for name, said in client.cookies.items())
    sent = {"Cookie": cookies, "Origin": client.origin or "", **client.headers}
    found: dict[tuple[str, str, str], int] = {}
    async with httpx2.AsyncClient(
        base_url=client.address, headers=sent, timeout=60, trust_env=False
    ) as http:
        for route in routes:
            for method in route.methods:
                answer = await http.request(method.upper(), route.path)
                status = answer.status_code
                if status == 302 and "/login" in answer.headers["location"]:
                    status = 401
                found[route.name, method, route.path] = status
            if route.socket:
                try:
                    await (await open_socket(client, route.path)).close()
                except RefusedError as refused:
                    found[route.name, "socket", route.path] = refused.status
                else:
                    found[route.name, "socket", route.path] = 101
    return found


def test_no_route_passes_an_unauthenticated_client(site: Site) -> None:
    """Only those that are declared as open and were read pass."""
    routes = _routes(site)
    assert len(routes) > 60
    for (name, method, path), status in asyncio.run(_statuses(site.client(), routes)).items():
        if name not in _OPEN and method != "options":
            assert status in (401, 403), (name, method, path, status)


async def _of_viewer(site: Site, routes: list[_Route]) -> dict[tuple[str, str, str], int]:
    viewer, name = await log_in(site.address)
    add = ("principals", "add", name, "--role", "viewer", "--no-password")
    await asyncio.to_thread(run_command, site, *add)
    return await _statuses(viewer, [one for one in routes if "Logout" not in one.name])


def test_a_viewer_passes_only_routes_that_were_read(site: Site) -> None:
    """Each other route is refused: those that execute, write or start, and those of unknown extensions."""
    routes = _routes(site)
    passed = {
        (name, method)
        for (name, method, _), status in asyncio.run(_of_viewer(site, routes)).items()
        if status not in (401, 403) and method != "options" and name not in _OPEN
    }
    of_viewers = {(name, one) for name in _VIEWED for one in ("get", "head", "socket")}
    assert passed - of_viewers - _ELSE_VIEWED == set()
    assert len(passed) > 25  # a viewer can work


class _Page(RequestHandler):
    def get(self) -> None:
        self.write("of the port")

    def post(self) -> None:
        self.write("posted " + self.request.body.decode())


class _Echo(WebSocketHandler):
    def check_origin(self, origin: str) -> bool:
        return True

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


class _Headers(RequestHandler):
    def get(self) -> None:
        self.write(dict(self.request.headers))


async def _passed_on(site: Site, form: str) -> dict[str, str]:
    """Return the headers that a program behind jupyter-server-proxy gets with a key of the guard."""
    port = free_port()
    server = Application([("/", _Headers)]).listen(port, "127.0.0.1")
    async with Guard(store=f"sqlite:{site.folder / 'door.db'}") as guard:
        key = (await guard.admin.issue_key("alice", name="test", scopes=["*"])).secret
    name, _, scheme = form.partition(": ")
    client = Client(site.address, headers={name: f"{scheme} {key}".strip()})
    answer = await client.request("GET", f"/proxy/{port}/")
    assert answer.status_code == 200, answer.text
    server.stop()
    found: dict[str, str] = answer.json()
    assert key not in str(found)
    return found


async def _proxied(site: Site) -> dict[str, list[int]]:
    """Use jupyter-server-proxy as a member, a viewer, and without a login: pages, a form and a socket."""
    port = free_port()
    server = Application([("/", _Page), ("/ws", _Echo)]).listen(port, "127.0.0.1")
    member, _ = await log_in(site.address)
    viewer, name = await log_in(site.address)
    add = ("principals", "add", name, "--role", "viewer", "--no-password")
    await asyncio.to_thread(run_command, site, *add)
    told: dict[str, list[int]] = {}
    for who, client in (("member", member), ("viewer", viewer), ("none", site.client())):
        found = told[who] = []
        try:
            socket = await open_socket(client, f"/proxy/{port}/ws")
        except RefusedError as refused:
            found.append(refused.status)
        else:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            await socket.close()
            found.append(101)
        # The path of the socket serves pages as well.
        for method, path in (("GET", "ws"), ("GET", ""), ("POST", "")):
            body = "x" if method == "POST" else ""
            answer = await client.request(method, f"/proxy/{port}/{path}", body)
            found.append(answer.status_code)
    server.stop()
    return told


def test_another_program_behind_jupyter_server_proxy(site: Site) -> None:
    """A member uses its pages and its socket. No other client reaches it."""
    if not any(one.name.startswith("jupyter_server_proxy") for one in _routes(site)):
        pytest.skip("this environment has no jupyter-server-proxy")
    told = asyncio.run(_proxied(site))
    assert told["member"] == [101, 400, 200, 200]
    assert set(told["viewer"]) == {403}
    assert told["none"] == [401, 302, 302, 403]


@pytest.mark.parametrize("form", ["Authorization: Bearer", "Authorization: token", "X-Api-Key"])
def test_jupyter_server_proxy_passes_no_key_of_the_guard_on(site: Site, form: str) -> None:
    """Another program of the machine could use it."""
    if not any(one.name.startswith("jupyter_server_proxy") for one in _routes(site)):
        pytest.skip("this environment has no jupyter-server-proxy")
    assert form.partition(":")[0] not in asyncio.run(_passed_on(site, form))
