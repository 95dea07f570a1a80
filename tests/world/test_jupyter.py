"""Jupyter Server with and without the guard, in its current release and in the oldest that is supported.

Each attack succeeds without the guard: that is checked first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed

from tests.world.applications.jupyterlab import TOKEN, V1, ask, log_in
from tests.world.checks import run_command
from tests.world.client import Client, FailedError, answer_of, end_of, open_socket
from tests.world.environment import require
from tests.world.jupyter_site import all_end, closing, is_refused, jupyter, paths, sockets
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

RELEASES = ["jupyterlab", "jupyterlab-oldest"]
_CELL_SECONDS = 60.0
_EVENTS = "/api/events/subscribe"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

EXTENSION = """
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler
from tornado.wsgi import WSGIContainer


def wsgi(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]


class Plain(RequestHandler):
    def get(self):
        self.write("plain")


class Forgotten(JupyterHandler):
    def get(self):
        self.write("forgotten")


class Skips(JupyterHandler):
    def prepare(self):
        pass

    def get(self):
        self.write("skips")


class Open(RequestHandler):
    @allow_unauthenticated
    def get(self):
        self.write("open")


def _jupyter_server_extension_points():
    return [{"module": "careless"}]


def _load_jupyter_server_extension(serverapp):
    serverapp.web_app.add_handlers(
        ".*$",
        [("/plain", Plain), ("/forgotten", Forgotten), ("/skips", Skips), ("/open", Open)],
    )
    router = serverapp.web_app.default_router
    rule = Rule(PathMatches("/wsgi"), WSGIContainer(wsgi))
    router.rules.insert(0, router.process_rule(rule))
"""

_CARELESS = {"careless.py": EXTENSION}

NAMED = '''
from jupyter_server.auth import IdentityProvider, User


class Named(IdentityProvider):
    """The user is named in a header, as by a proxy."""

    {function} get_user(self, handler):
        name = handler.request.headers.get("X-Person")
        return User(name) if name else None
'''


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Name of the environment."""
    name: str = request.param
    require(name)
    return name


@pytest.fixture(scope="module")
def plain(release: str) -> Iterator[Site]:
    """A server without the guard, with a careless extension."""
    enabled = 'c.ServerApp.jpserver_extensions = {"careless": True}'
    with jupyter(release, guarded=False, config=enabled, files=_CARELESS) as site:
        yield site


@pytest.fixture(scope="module")
def site(release: str) -> Iterator[Site]:
    """The same server with the guard."""
    enabled = 'c.ServerApp.jpserver_extensions["careless"] = True'
    with jupyter(release, config=enabled, files=_CARELESS) as site:
        yield site


def test_a_logout_ends_the_sockets_and_the_copies_of_the_cookie(plain: Site, site: Site) -> None:
    """A cookie that was copied before the logout opens nothing after it."""

    async def attack(site: Site) -> tuple[list[str], bool, int]:
        client, _ = await log_in(site.address)
        several = await sockets(client)
        async with closing(several):
            assert (await client.request("GET", "/logout")).status_code == 200
            try:
                ends = await all_end(several)
            except TimeoutError:
                ends = []
            contents = await client.request("GET", "/api/contents")
            return ends, await is_refused(client, _EVENTS), contents.status_code

    assert asyncio.run(attack(plain)) == ([], False, 200)
    ends, refused, status = asyncio.run(attack(site))
    assert ends == ["1001 authentication required"] * 3
    assert refused
    assert status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Origin": "https://attacker.example"},
    ],
    ids=["script", "link", "image of a page on another port", "no Sec-Fetch-Site"],
)
def test_another_page_cannot_log_a_user_out(
    plain: Site, site: Site, headers: dict[str, str]
) -> None:
    """The logout of Jupyter is a GET, which any page can send."""

    async def attack(site: Site) -> tuple[int, bool]:
        client, _ = await log_in(site.address)
        page = await replace(client, origin=None).request("GET", "/logout", headers=headers)
        return page.status_code, await is_refused(client, _EVENTS)

    assert asyncio.run(attack(plain))[0] == 200
    assert asyncio.run(attack(site)) == (403, False)


def test_a_login_survives_the_logout_of_another_browser(site: Site) -> None:
    """Each login of a token or password is a principal of its own."""

    async def use(site: Site) -> None:
        one, first = await log_in(site.address)
        other, second = await log_in(site.address)
        assert first != second
        several = await sockets(other)
        async with closing(several):
            await one.request("GET", "/logout")
            assert await is_refused(one, _EVENTS)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(end_of(several[1]), 1.0)
            assert not await is_refused(other, _EVENTS)

    asyncio.run(use(site))


def test_a_revocation_refuses_sockets_pages_and_requests(site: Site) -> None:
    """The user may log in again, with a new cookie."""

    async def use(site: Site) -> None:
        client, name = await log_in(site.address)
        several = await sockets(client)
        async with closing(several):
            await asyncio.to_thread(run_command, site, "revoke", "principal", name)
            assert await all_end(several) == ["1001 authentication required"] * 3
        assert (await client.request("GET", "/api/contents")).status_code == 403
        page = await client.request("GET", "/lab", headers={"Sec-Fetch-Mode": "navigate"})
        assert page.status_code == 302
        assert "/login" in page.headers["location"]
        again, _ = await log_in(site.address)
        assert not await is_refused(again, _EVENTS)

    asyncio.run(use(site))


def test_a_new_password_ends_the_logins_of_the_old_token(plain: Site, site: Site) -> None:
    """Jupyter sets a password at its login form. Without the guard, earlier cookies stay valid."""

    async def attack(site: Site) -> tuple[bool, bool]:
        old, _ = await log_in(site.address)
        several = await sockets(old)
        async with closing(several):
            page = await Client(site.address, origin=site.address).sent("GET", "/login")
            form = {"password": TOKEN, "new_password": "another", "_xsrf": page.cookies["_xsrf"]}
            new = await page.sent("POST", "/login", urlencode(form), _FORM)
            try:
                await all_end(several)
            except TimeoutError:
                ended = False
            else:
                ended = True
            assert not await is_refused(new, _EVENTS)
            return ended, await is_refused(old, _EVENTS)

    assert asyncio.run(attack(plain)) == (False, False)
    assert asyncio.run(attack(site)) == (True, True)


def test_guesses_of_the_password_are_limited(plain: Site) -> None:
    """Jupyter lets a client guess as often as it wants. Users who are logged in notice nothing."""

    async def guess(site: Site) -> list[int]:
        user, _ = await log_in(site.address)
        page = await Client(site.address, origin=site.address).sent("GET", "/login")
        form = urlencode({"password": "wrong", "_xsrf": page.cookies["_xsrf"]})
        answers = [await page.request("POST", "/login", form, headers=_FORM) for _ in range(7)]
        assert not await is_refused(user, _EVENTS)
        return [one.status_code for one in answers]

    limits = '[limits]\nlogins_per_address = "5/min burst 5"\n'
    assert asyncio.run(guess(plain)) == [401] * 7
    with jupyter("jupyterlab", files={"stormdoor.toml": limits}) as site:
        assert asyncio.run(guess(site)) == [401] * 4 + [429] * 3


def test_a_program_with_the_token_needs_no_origin(site: Site) -> None:
    """As in Jupyter. A wrong token beside a valid cookie does not replace the Origin."""

    async def use(site: Site) -> None:
        program = Client(site.address, headers={"Authorization": f"token {TOKEN}"})
        several = await sockets(program)
        async with closing(several):
            browser, _ = await log_in(site.address)
            forged = replace(browser, origin="https://attacker.example")
            assert await is_refused(forged, f"{_EVENTS}?token=wrong")
            assert await is_refused(replace(forged, origin=None), f"{_EVENTS}?token=wrong")
            assert not await is_refused(browser, f"{_EVENTS}?token=wrong")
            assert not await is_refused(replace(program, headers={}), f"{_EVENTS}?token={TOKEN}")

    asyncio.run(use(site))


def test_no_page_contains_the_token_of_the_server(plain: Site, site: Site) -> None:
    """JupyterLab writes it into each page: a viewer would become the user of the server."""

    async def pages(site: Site) -> list[bool]:
        client, _ = await log_in(site.address)
        texts = [(await client.request("GET", path)).text for path in ("/lab", "/nothing/here")]
        return [TOKEN in text for text in texts]

    assert any(asyncio.run(pages(plain)))
    assert asyncio.run(pages(site)) == [False, False]


async def _watch(owner: Client, viewer: Client, kernel: str) -> None:
    """The viewer sees the output of the owner's cell; a cell of the viewer does not run."""
    watching = await open_socket(viewer, kernel.replace("one", "two"), V1)
    working = await open_socket(owner, kernel, V1)
    async with closing([watching, working]):
        await ask(watching, "execute_request", {"code": "print('of the ' + 'viewer')"})
        await ask(working, "execute_request", {"code": "print('of the ' + 'owner')"})
        seen = b""
        async with asyncio.timeout(_CELL_SECONDS):
            while b"of the owner" not in seen or b"idle" not in seen:
                message = await watching.recv()
                assert isinstance(message, bytes)
                seen += message
        assert b"of the viewer" not in seen


def test_a_viewer_reads_and_executes_nothing(site: Site) -> None:
    """Every route of Jupyter Server that executes, or changes something, needs another role."""

    async def use(site: Site) -> None:
        owner, _ = await log_in(site.address)
        (kernel, _), (terminal, _), _ = await paths(owner)
        id = kernel.split("/")[3]
        note = json.dumps({"type": "file", "format": "text", "content": "x"})
        viewer, name = await log_in(site.address)
        add = ("principals", "add", name, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
        for path in (
            "/lab",
            "/api/contents",
            "/api/contents/read-me.txt",
            "/api/kernels",
            f"/api/kernels/{id}",
            "/api/sessions",
            "/api/kernelspecs",
            "/api/me",
            "/lab/api/settings",
            "/files/read-me.txt",
        ):
            assert (await viewer.request("GET", path)).status_code == 200, path
        for method, path, body in (
            ("POST", "/api/kernels", "{}"),
            ("POST", f"/api/kernels/{id}/interrupt", ""),
            ("POST", f"/api/kernels/{id}/restart", ""),
            ("DELETE", f"/api/kernels/{id}", ""),
            ("POST", "/api/sessions", "{}"),
            ("POST", "/api/terminals", ""),
            ("DELETE", "/api/terminals/1", ""),
            ("PUT", "/api/contents/new.txt", note),
            ("PATCH", "/api/contents/read-me.txt", '{"path": "moved.txt"}'),
            ("DELETE", "/api/contents/read-me.txt", ""),
            ("POST", "/api/contents/a.ipynb/trust", ""),
            ("POST", "/api/contents/read-me.txt/checkpoints", ""),
            ("GET", "/nbconvert/html/read-me.txt", ""),
            ("POST", "/nbconvert/html", "{}"),
            ("PUT", "/api/config/notebook", "{}"),
            ("PUT", "/lab/api/settings/x", "{}"),
            ("PUT", "/lab/api/workspaces/x", "{}"),
            ("POST", "/lab/api/build", ""),
            ("POST", "/lab/api/extensions", "{}"),
            ("POST", "/api/shutdown", ""),
        ):
            answer = await viewer.request(method, path, body)
            assert answer.status_code == 403, (method, path, answer.status_code, answer.text[:200])
        assert await is_refused(viewer, terminal)
        assert not await is_refused(viewer, _EVENTS)
        await _watch(owner, viewer, kernel)
        assert (await owner.request("GET", "/api/contents/read-me.txt")).status_code == 200

    asyncio.run(use(site))


def test_another_login_takes_over_no_session_of_a_kernel(plain: Site, site: Site) -> None:
    """Jupyter closes the socket of a session if another socket names it; each client sees the ids."""

    async def attack(site: Site) -> tuple[bool, bool]:
        owner, _ = await log_in(site.address)
        viewer, name = await log_in(site.address)
        if site is not plain:
            add = ("principals", "add", name, "--role", "viewer", "--no-password")
            await asyncio.to_thread(run_command, site, *add)
        (kernel, _), *_ = await paths(owner)
        return await _replaces(owner, viewer, kernel), await _replaces(owner, owner, kernel)

    assert asyncio.run(attack(plain)) == (True, True)
    assert asyncio.run(attack(site)) == (False, True)


async def _replaces(owner: Client, other: Client, kernel: str) -> bool:
    """Return whether a socket of `other` ends that of the owner, by the same id of a session."""
    mine = await open_socket(owner, kernel, V1)
    async with closing([mine]):
        await ask(mine, "kernel_info_request", {})
        await answer_of(mine, b"kernel_info_reply")
        theirs = await open_socket(other, kernel, V1)
        async with closing([theirs]):
            await ask(theirs, "kernel_info_request", {})
            await answer_of(theirs, b"kernel_info_reply")
            try:
                await ask(mine, "kernel_info_request", {})
                await answer_of(mine, b"kernel_info_reply")
            except (FailedError, ConnectionClosed):
                return True
            return False


def test_handlers_of_extensions_that_ask_for_no_login_are_guarded(plain: Site, site: Site) -> None:
    """Without the guard, any client gets their answers."""

    async def statuses(client: Client) -> list[int]:
        return [
            (await client.request("GET", path)).status_code
            for path in ("/plain", "/forgotten", "/skips", "/open", "/wsgi")
        ]

    assert asyncio.run(statuses(plain.client())) == [200, 200, 200, 200, 200]

    async def use(site: Site) -> None:
        assert await statuses(site.client()) == [403, 302, 302, 200, 403]
        client, name = await log_in(site.address)
        assert await statuses(client) == [200, 200, 200, 200, 200]
        add = ("principals", "add", name, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
        assert await statuses(client) == [403, 403, 403, 200, 403]
        log = (site.folder / "log.txt").read_text()
        assert "open without a login, as its extension declares: /open" in log
        assert log.count("start-up check") == 1  # the WSGI application serves requests by itself
        assert "can read" not in log

    asyncio.run(use(site))


@pytest.mark.parametrize("function", ["def", "async def"])
def test_an_identity_provider_of_the_operator_is_asked(function: str) -> None:
    """Its users have the roles of the configuration, at sockets and in the REST interface."""
    require("jupyterlab")
    config = (
        'c.ServerApp.identity_provider_class = "named.Named"\n'
        'c.Stormdoor.roles = {"bob": ["viewer"]}\n'
        "c.ServerApp.disable_check_xsrf = True"
    )

    async def use(site: Site) -> None:
        page = site.client()
        alice = page.having(headers={"X-Person": "alice"})
        bob = page.having(headers={"X-Person": "bob"})
        assert await is_refused(page, _EVENTS)
        assert await is_refused(replace(alice, origin=None), _EVENTS)
        (_, _), (terminal, _), _ = await paths(alice)
        assert not await is_refused(alice, terminal)
        assert await is_refused(bob, terminal)
        assert (await bob.request("POST", "/api/kernels", "{}")).status_code == 403
        socket = await open_socket(alice, _EVENTS)
        async with closing([socket]):
            await asyncio.to_thread(run_command, site, "revoke", "principal", "alice")
            assert await all_end([socket]) == ["1001 authentication required"]

    files = {"named.py": NAMED.format(function=function)}
    with jupyter("jupyterlab", config=config, files=files) as site:
        asyncio.run(use(site))


def test_the_authorizer_of_the_operator_is_asked_as_well() -> None:
    """A request needs the consent of both."""
    require("jupyterlab")
    authorizer = (
        "from jupyter_server.auth import Authorizer\n\n\n"
        "class NoTerminals(Authorizer):\n"
        "    def is_authorized(self, handler, user, action, resource):\n"
        '        return resource != "terminals"\n'
    )

    async def use(site: Site) -> None:
        client, _ = await log_in(site.address)
        assert (await client.request("POST", "/api/terminals", "")).status_code == 403
        assert (await client.request("POST", "/api/kernels", "{}")).status_code == 201
        assert await is_refused(client, "/terminals/websocket/1")

    config = 'c.ServerApp.authorizer_class = "strict.NoTerminals"'
    with jupyter("jupyterlab", config=config, files={"strict.py": authorizer}) as site:
        asyncio.run(use(site))


def test_the_paths_are_below_the_base_url() -> None:
    """A server below a path has the same permissions. Its log names the secrets below the root directory."""
    require("jupyterlab")

    async def use(site: Site) -> None:
        below = f"{site.address}/some/where"
        client = Client(site.address, origin=site.address)
        page = await client.sent("GET", "/some/where/login")
        form = urlencode({"password": TOKEN, "_xsrf": page.cookies["_xsrf"]})
        client = await page.sent("POST", "/some/where/login", form, _FORM)
        client = client.having(headers={"Referer": below})
        name = (await client.request("GET", "/some/where/api/me")).json()["identity"]["username"]
        assert not await is_refused(client, f"/some/where{_EVENTS}")
        add = ("principals", "add", name, "--role", "viewer", "--no-password")
        await asyncio.to_thread(run_command, site, *add)
        assert not await is_refused(client, f"/some/where{_EVENTS}")
        assert await is_refused(client, "/some/where/lsp/ws/none")
        log = (site.folder / "log.txt").read_text()
        for secret in ("jupyter_server_config.py", "door.db"):
            read = await client.request("GET", f"/some/where/files/{secret}")
            assert read.status_code == 200
            assert f"each user, also a viewer, can read {secret} below" in log

    arguments = ["--ServerApp.base_url=/some/where/"]
    root = 'c.ServerApp.root_dir = "."'
    with jupyter("jupyterlab", config=root, arguments=arguments) as site:
        asyncio.run(use(site))
