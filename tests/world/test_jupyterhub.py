"""Servers of a real JupyterHub: its OAuth login, its proxy, and a second user who only watches."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.installing import made_once, missing, run
from tests.support.ports import free_port
from tests.world.application import PORTS, files_of_page
from tests.world.client import Client, RefusedError, end_of, open_socket
from tests.world.environment import environ, require

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_NAME = "jupyterhub"
_PASSWORD = "correct horse"
_START_SECONDS = 180.0
_RECHECK_SECONDS = 3
_END_SECONDS = 30.0

_HUB = f"""
c.JupyterHub.hub_port = HUB_PORT
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:API_PORT"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{_PASSWORD}"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "FOLDER/home-{{username}}"
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = ENVIRONMENT
c.Spawner.start_timeout = c.Spawner.http_timeout = {_START_SECONDS:.0f}
c.JupyterHub.load_roles = [
    {{"name": "watch", "scopes": ["access:servers!server=alice/"], "users": ["bob"]}}
]
"""


def _proxy() -> Path:
    """The folder with the program of the Hub's proxy, from npm."""
    found = shutil.which("configurable-http-proxy")
    if found is not None:
        return Path(found).parent
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is not on this machine, and the Hub's configurable-http-proxy comes from it")
    cache = os.environ.get("STORMDOOR_WORLD") or Path.home() / ".cache" / "stormdoor-world"
    home = made_once(
        Path(cache) / "configurable-http-proxy",
        lambda folder: run([npm, "install", "--prefix", str(folder), "configurable-http-proxy"]),
    )
    return home / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Hub with servers that are guarded as the page shows."""
    home, proxy = require(_NAME), _proxy()
    folder = tmp_path_factory.mktemp("hub")
    port, hub_port, api_port = (str(free_port()) for _ in range(3))
    files = files_of_page("guard-jupyterhub")
    servers = folder / "servers"
    servers.mkdir()
    recheck = f"\nc.Stormdoor.recheck_seconds = {_RECHECK_SECONDS}\n"
    (servers / "jupyter_server_config.py").write_text(files["jupyter_server_config.py"] + recheck)
    variables = environ(home, HOME=str(folder), SHELL="/bin/bash")
    variables["PATH"] = f"{proxy}{os.pathsep}{variables['PATH']}"
    inherited = {"PYTHONPATH": variables["PYTHONPATH"], "JUPYTER_CONFIG_PATH": str(servers)}
    own = (
        _HUB.replace("HUB_PORT", hub_port)
        .replace("API_PORT", api_port)
        .replace("FOLDER", str(folder))
        .replace("ENVIRONMENT", json.dumps(inherited))
    )
    config = files["jupyterhub_config.py"].replace(PORTS[0], port) + own
    (folder / "jupyterhub_config.py").write_text(config)
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [str(home / "bin" / "jupyterhub"), "-f", "jupyterhub_config.py"],
            cwd=folder,
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _until_answering(f"{address}/hub/api", process, folder)
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        process.kill()
        process.wait()


def _until_answering(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "log.txt").read_text()[-3000:]
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - loopback
            return
        time.sleep(0.2)
    raise AssertionError((folder / "log.txt").read_text()[-3000:])


class _Person:
    """A user of the Hub in a browser of its own."""

    def __init__(self, address: str, http: httpx2.AsyncClient) -> None:
        self.address = address
        self.http = http

    def _xsrf(self, path: str) -> str:
        return next(
            one.value or ""
            for one in self.http.cookies.jar
            if one.name == "_xsrf" and one.path.rstrip("/") == path
        )

    async def log_in(self, name: str) -> None:
        """Send the form of the Hub."""
        await self.http.get("/hub/login")
        form = {"username": name, "password": _PASSWORD, "_xsrf": self._xsrf("/hub")}
        answer = await self.http.post("/hub/login", data=form, headers={"Origin": self.address})
        assert answer.status_code == 200, answer.text[:300]

    async def open_lab(self) -> None:
        """Open alice's JupyterLab: wait for its start, and consent to the Hub's question."""
        end = time.monotonic() + _START_SECONDS
        seen = ""
        while time.monotonic() < end:
            answer = await self.http.get("/user/alice/lab")
            if "oauth2/authorize" in str(answer.url):
                form: dict[str, Any] = {
                    "_xsrf": self._xsrf("/hub"),
                    "scopes": re.findall(r'name="scopes"[^>]*value="([^"]+)"', answer.text),
                }
                answer = await self.http.post(
                    str(answer.url), data=form, headers={"Origin": self.address}
                )
            if answer.status_code == 200 and answer.url.path == "/user/alice/lab":
                return
            seen = f"{answer.status_code} {answer.url}"
            await asyncio.sleep(1.0)
        raise AssertionError(seen)

    async def request(self, method: str, path: str, body: str = "") -> httpx2.Response:
        """Send a request as the scripts of the page do."""
        headers = {
            "X-XSRFToken": self._xsrf("/user/alice"),
            "Origin": self.address,
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
        }
        return await self.http.request(method, f"/user/alice{path}", content=body, headers=headers)

    def client(self, origin: str | None = None) -> Client:
        """The cookies of the browser that it sends to the server of alice."""
        cookies = {
            one.name: one.value or ""
            for one in self.http.cookies.jar
            if "/user/alice/".startswith(one.path)
        }
        return Client(self.address, cookies, origin=origin or self.address)


@contextlib.asynccontextmanager
async def _person(address: str, name: str) -> Any:
    async with httpx2.AsyncClient(
        base_url=address, timeout=_START_SECONDS, follow_redirects=True
    ) as http:
        person = _Person(address, http)
        await person.log_in(name)
        await person.open_lab()
        yield person


async def _status(client: Client, path: str) -> int:
    try:
        await (await open_socket(client, path)).close()
    except RefusedError as refused:
        return refused.status
    return 101


async def _kernel(person: _Person) -> tuple[str, ClientConnection]:
    answer = await person.request("POST", "/api/kernels", "{}")
    assert answer.status_code == 201, answer.text
    path = f"/user/alice/api/kernels/{answer.json()['id']}/channels?session_id=one"
    return path, await open_socket(person.client(), path)


@pytest.mark.parametrize("logout", ["/user/alice/logout", "/hub/logout"])
def test_a_logout_at_the_server_or_the_hub_ends_the_kernels(hub: str, logout: str) -> None:
    """The server is never told of a logout at the Hub: it asks again."""

    async def use() -> None:
        async with _person(hub, "alice") as alice:
            path, socket = await _kernel(alice)
            copied = alice.client()
            assert await _status(Client(hub, origin=hub), path) == 401
            assert await _status(alice.client("https://attacker.example"), path) == 403
            await alice.http.get(logout)
            assert (await asyncio.wait_for(end_of(socket), _END_SECONDS)).startswith("1001")
            assert await _status(copied, path) == 401

    asyncio.run(use())


def test_another_user_of_the_hub_only_watches(hub: str) -> None:
    """The Hub lets bob into the server of alice, where he is a viewer."""

    async def use() -> None:
        async with _person(hub, "alice") as alice, _person(hub, "bob") as bob:
            path, socket = await _kernel(alice)
            assert (await bob.request("GET", "/api/me")).json()["identity"]["username"] == "bob"
            assert (await bob.request("GET", "/api/contents")).status_code == 200
            assert (await bob.request("POST", "/api/kernels", "{}")).status_code == 403
            assert (await bob.request("POST", "/api/terminals")).status_code == 403
            assert await _status(bob.client(), path) == 101
            terminal = (await alice.request("POST", "/api/terminals")).json()["name"]
            assert await _status(bob.client(), f"/user/alice/terminals/websocket/{terminal}") == 403
            await socket.close()

    asyncio.run(use())
