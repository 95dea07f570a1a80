"""Documents of Bokeh and sessions of Streamlit belong to a login, in the oldest and newest claimed releases.

Each attack succeeds on the application without the guard first.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import shlex
import subprocess
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from stormdoor.auth.session.cookie import SESSION_COOKIE
from tests.support.ports import free_port
from tests.world.application import Application, Recipe, run
from tests.world.applications import applications
from tests.world.bokeh_protocol import exchange, greet, pull
from tests.world.client import Client, FailedError, RefusedError, open_socket
from tests.world.environment import ROOT, environ, require
from tests.world.site import Site, replaced, started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_TOKEN = re.compile(r'"token":\s*"([^"]+)"')
_AUTOLOAD = "/app/autoload.js?bokeh-autoload-element=1&bokeh-app-path=/app"
_FOREIGN = "http://127.0.0.1:9"
_USER = 'c = curdoc().session_context\nprint("USER", c.token_payload.get("stormdoor_principal"))\n'
_PANEL_USER = 'print("USER", pn.state.user)\n'


_HEALTH = frozenset({"/health", "/_stcore/health", "/healthz", "/liveness"})
"""The health checks that the presets leave open for a load balancer."""


def _need_a_login(statuses: dict[str, int]) -> None:
    """Fail if a path answers a client without a login, or if a health check does not."""
    for path, status in statuses.items():
        health = path.partition("?")[0] in _HEALTH
        assert (status in {302, 303, 401, 403}) is not health, (path, status)


def _application(name: str) -> Application:
    """Return an application, in the environment `name`: `bokeh-oldest` is Bokeh of another release."""
    home = require(name)
    return replace(applications()[name.partition("-")[0]], home=home)


def _told(recipe: Recipe, line: str) -> Recipe:
    """Return a recipe with an application that prints the name of its user."""
    return replace(recipe, files={"app.py": recipe.files["app.py"] + line})


async def _token(client: Client, path: str = "/app") -> str:
    page = await client.request("GET", path)
    found = _TOKEN.search(page.text)
    if found is None:
        raise FailedError(f"no token in the page: {page.status_code}")
    return found[1]


def _payload(token: str) -> dict[str, Any]:
    def decode(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    payload: dict[str, Any] = json.loads(decode(token.split(".", maxsplit=1)[0]))
    return payload | json.loads(zlib.decompress(decode(payload["__bk__zlib_"])))


@contextlib.asynccontextmanager
async def _document(client: Client, token: str) -> AsyncIterator[ClientConnection]:
    socket = await open_socket(client, "/app/ws", ["bokeh", token])
    try:
        await greet(socket)
        await exchange(socket)
        yield socket
    finally:
        await socket.close()


async def _opens(client: Client, token: str) -> bool:
    try:
        async with _document(client, token):
            return True
    except RefusedError:
        return False


def _forged(token: str) -> str:
    """Return a token of the same content with another signature; unsigned tokens stay as they are."""
    content, dot, signature = token.partition(".")
    return content + dot + signature[::-1]


async def _attack(site: Site, alice: Client, carol: Client) -> dict[str, bool]:
    """Try everything that a client can do with what it knows of another user's document."""
    token = await _token(alice)
    session = _payload(token)["session_id"]
    told: dict[str, bool] = {}
    async with _document(alice, token) as socket:
        told["token"] = await _opens(carol, token)
        for name, value in (("bokeh-token", token), ("bokeh-session-id", session)):
            for path in ("/app?", f"{_AUTOLOAD}&"):
                page = await carol.request("GET", f"{path}{name}={value}")
                found = _TOKEN.search(page.text.replace('\\"', '"'))
                told[f"{path}{name}"] = page.status_code == 200 and bool(found)
        header = {"Bokeh-Session-Id": session}
        page = await carol.request("GET", "/app", headers=header)
        found = _TOKEN.search(page.text)
        told["header"] = found is not None and _payload(found[1])["session_id"] == session
        told["forged"] = await _opens(alice, _forged(token))
        foreign = await replace(alice, origin=_FOREIGN).request("GET", _AUTOLOAD)
        told["autoload"] = bool(_TOKEN.search(foreign.text.replace('\\"', '"')))
        told["cookie"] = alice.cookies[SESSION_COOKIE] in json.dumps(_payload(token))
        await pull(socket)  # the owner's document is as before
    return told


@pytest.mark.parametrize("name", ["bokeh", "bokeh-oldest", "panel", "panel-oldest"])
def test_a_document_belongs_to_a_login(name: str) -> None:
    """Another login opens no document with its token or id, and no script of a page gets the cookie."""
    application = _application(name)
    line = _USER if name.startswith("bokeh") else _PANEL_USER
    with started(application, application.plain) as site:
        alice, carol = site.client("alice"), site.client("carol")
        assert set(asyncio.run(_attack(site, alice, carol)).values()) == {True}
    with started(application, _told(application.guarded, line)) as site:
        told = asyncio.run(_attack(site, site.client("alice"), site.client("carol")))
        assert not any(told.values()), told
        assert "USER alice" in (site.folder / "log.txt").read_text("utf-8")


def test_processes_of_one_server_take_each_others_tokens() -> None:
    """With `--num-procs 2`, a page of one process opens its document in the other."""
    application = _application("bokeh")
    command = [*application.guarded.command, "--num-procs", "2"]
    recipe = replace(application.guarded, command=command)

    async def work(site: Site) -> None:
        alice, carol = site.client("alice"), site.client("carol")
        for _ in range(12):
            token = await _token(alice)
            assert await _opens(alice, token)
            assert not await _opens(carol, token)

    with started(application, recipe) as site:
        asyncio.run(work(site))
        log = (site.folder / "log.txt").read_text("utf-8")
        assert log.count("Starting Bokeh server with process id") == 2


def test_a_login_of_the_application_comes_after_the_guards() -> None:
    """`--auth-module` of the operator is asked as well."""
    application = _application("bokeh")
    module = (
        "def get_user(handler):\n    return handler.request.headers.get('X-Desk')\n"
        "def get_login_url(handler):\n    return '/desk'\n"
    )
    recipe = replace(
        application.guarded,
        files={**application.guarded.files, "own.py": module},
        command=[*application.guarded.command, "--auth-module", "own.py"],
    )

    async def work(site: Site) -> None:
        alice = site.client("alice")
        answer = await alice.request("GET", "/app")
        assert (answer.status_code, answer.headers["location"][:5]) == (302, "/desk")
        known = alice.having(headers={"X-Desk": "7"})
        assert await _opens(known, await _token(known))
        answer = await site.client().having(headers={"X-Desk": "7"}).request("GET", "/app")
        assert answer.status_code in (302, 303, 401)

    with started(application, recipe) as site:
        asyncio.run(work(site))


_PUBLISHED = """
import param


class Height(param.Parameterized):
    height = param.Integer(default=1)


pn.state.publish("height", Height(), ["height"])
"""
_OPTIONS = [
    "--admin",
    "--admin-endpoint",
    "/ops",
    "--rest-provider",
    "param",
    "--rest-endpoint",
    "values",
]
_OPTIONS += ["--rest-session-info", "--liveness"]
_ADMINISTERED = {"/ops": "GET", "/rest/session_info": "GET"}
_PUBLIC_VALUES = {"/values/height": "GET"}
_SEEN = {"/app": "GET", "/liveness": "GET", "/liveness?endpoint=/app": "GET"}


async def _viewers_socket_of(site: Site, page: str) -> bool:
    """Return whether a viewer opens the socket of a page with the token of another one."""
    victor = site.client("victor")
    try:
        socket = await open_socket(victor, f"{page}/ws", ["bokeh", await _token(victor)])
    except RefusedError:
        return False
    await socket.close()
    return True


def test_pages_of_panel_for_administrators() -> None:
    """The page of `--admin` at another path, and REST endpoints, are not for viewers."""
    application = _application("panel")

    def changed(recipe: Recipe) -> Recipe:
        files = {**recipe.files, "app.py": recipe.files["app.py"] + _PUBLISHED}
        return replace(recipe, files=files, command=[*recipe.command, *_OPTIONS])

    everything = _ADMINISTERED | _PUBLIC_VALUES | _SEEN
    with started(application, changed(application.plain)) as site:
        assert set(asyncio.run(_statuses(site.client(), everything)).values()) == {200}
    with started(application, changed(application.guarded)) as site:
        for who, refused in (("victor", _ADMINISTERED | _PUBLIC_VALUES), ("alice", _ADMINISTERED)):
            statuses = asyncio.run(_statuses(site.client(who), everything))
            assert statuses == dict.fromkeys(everything, 200) | dict.fromkeys(refused, 403)
        _need_a_login(asyncio.run(_statuses(site.client(), everything)))
        assert not asyncio.run(_viewers_socket_of(site, "/ops"))


# Streamlit --------------------------------------------------------------------------------------

_STATE = """\
import secrets

import streamlit as st

user = st.user if hasattr(st, "user") else st.experimental_user
state = st.session_state.setdefault("state", secrets.token_hex(8))
st.write(f"state {state} of {user.to_dict().get('name')} end")
"""
_IDS = re.compile(rb"[0-9a-f]{32}-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def _run_script(client: Client, *known: str) -> tuple[list[str], str]:
    """Run the script; return the ids in the messages, and what the script wrote."""
    socket = await open_socket(client, "/_stcore/stream", ["streamlit", "-", *known])
    ids: list[str] = []
    try:
        await socket.send(b"\x5a\x00")
        async with asyncio.timeout(60):
            while True:
                message = await socket.recv()
                assert isinstance(message, bytes)
                ids += [one.decode() for one in _IDS.findall(message)]
                found = re.search(rb"state (\w+ of \w+) end", message)
                if found is not None:
                    return ids, found[1].decode()
    except ConnectionClosed as closed:
        raise FailedError(f"closed: {closed}") from closed
    finally:
        await socket.close()


async def _resume(owner: Client, other: Client) -> tuple[bool, bool]:
    """Return whether the owner, and whether another login, gets a session of the owner by its id."""
    results = []
    for client in (owner, other):
        ids, state = await _run_script(owner)
        found = []
        for one in dict.fromkeys(ids):
            await asyncio.sleep(0.5)  # the server notices that the socket is closed
            found.append((await _run_script(client, one))[1].split()[0])
        results.append(state.split()[0] in found)
    return results[0], results[1]


@pytest.mark.parametrize("name", ["streamlit", "streamlit-oldest"])
def test_a_session_of_streamlit_belongs_to_a_login(name: str) -> None:
    """Another login does not get the state of a session by its id, and the script knows its user."""
    application = _application(name)
    files = {"app.py": _STATE}
    with started(application, replace(application.plain, files=files)) as site:
        assert asyncio.run(_resume(site.client("alice"), site.client("carol"))) == (True, True)
    with started(application, replace(application.guarded, files=files)) as site:
        assert asyncio.run(_resume(site.client("alice"), site.client("carol"))) == (True, False)
        assert asyncio.run(_run_script(site.client("carol")))[1].endswith(" of carol")


_COMPONENT = """\
import streamlit as st
import streamlit.components.v1 as components

components.declare_component("counter", path="frontend")()
st.write("state kept of components end")
"""
_PATHS = [
    "/",
    "/component/app.counter/index.html",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/script-health-check",
    "/static/index.html",
    "/media/0.txt",
    "/vendor/nothing",
]


async def _read_routes(client: Client) -> dict[str, int]:
    return {path: (await client.request("GET", path)).status_code for path in _PATHS}


@pytest.mark.parametrize("name", ["streamlit", "streamlit-oldest"])
def test_each_http_route_of_streamlit_needs_a_login(name: str) -> None:
    """The code of a component too, which each user gets: without the guard, any client reads it."""
    application = _application(name)
    files = {"app.py": _COMPONENT, "frontend/index.html": "code of the component"}

    async def read(site: Site, client: Client) -> dict[str, int]:
        await _run_script(site.client("alice"))  # declares the component
        return await _read_routes(client)

    with started(application, replace(application.plain, files=files)) as site:
        plain = asyncio.run(read(site, site.client()))
        assert plain["/component/app.counter/index.html"] == plain["/"] == 200
    with started(application, replace(application.guarded, files=files)) as site:
        _need_a_login(asyncio.run(read(site, site.client())))
        # A media file that no session of the user has shown is refused, whether it exists or not.
        assert asyncio.run(read(site, site.client("carol"))) == {**plain, "/media/0.txt": 403}


_FILES = """\
import secrets

import streamlit as st

st.file_uploader("a file")
secret = st.session_state.setdefault("secret", secrets.token_hex(8))
st.download_button("report", secret, file_name="report.txt")
st.text(secret * 2000)
st.write("state kept of files end")
"""
_BOUNDARY = "of-the-form"
_UPLOAD = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n'
    f"Content-Type: text/plain\r\n\r\nplanted\r\n--{_BOUNDARY}--\r\n"
)


@contextlib.asynccontextmanager
async def _running_script(client: Client) -> AsyncIterator[bytes]:
    """Run the script on a socket that stays open; return all its messages as one text."""
    socket = await open_socket(client, "/_stcore/stream", ["streamlit", "-"])
    got = b""
    try:
        await socket.send(b"\x5a\x00")
        async with asyncio.timeout(60):
            while b"state kept of files end" not in got or b"/media/" not in got:
                message = await socket.recv()
                assert isinstance(message, bytes)
                got += message
        yield got
    finally:
        await socket.close()


def _all_files(client: Client, got: bytes) -> dict[str, tuple[str, str]]:
    """Return the requests for all that the script of another client has: by name, method and path."""
    file = re.search(rb"/media/[0-9a-f]+\.txt", got)
    assert file is not None
    uploads = {
        f"{method} {one.decode()}": (method, f"/_stcore/upload_file/{one.decode()}/file")
        for one in dict.fromkeys(_IDS.findall(got))
        for method in ("PUT", "DELETE")
    }
    hashes = {
        f"message {one.decode()}": ("GET", f"/_stcore/message?hash={one.decode()}")
        for one in dict.fromkeys(re.findall(rb"\n[ @]([0-9a-f]{32}|[0-9a-f]{64})", got))
    }
    return {"media": ("GET", file[0].decode()), **uploads, **hashes}


async def _succeeding(client: Client, requests: dict[str, tuple[str, str]]) -> set[str]:
    """Return the kinds of the requests that succeed as `client`."""
    client = await client.logged_in_at("/_stcore/health")
    token = {"X-Xsrftoken": client.cookies["_streamlit_xsrf"]}
    kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    done = set()
    for name, (method, path) in requests.items():
        body = _UPLOAD if method == "PUT" else ""
        answer = await client.request(method, path, body, token | (kind if body else {}))
        page = answer.headers.get("content-type", "").startswith("text/html")
        if answer.status_code in (200, 204) and not (method == "GET" and page):
            done.add(name.split()[0])
    return done


async def _reach_files(owner: Client, other: Client) -> tuple[set[str], set[str]]:
    """Return what the owner, and what another login, can do with the files of the owner's session."""
    async with _running_script(owner) as got, _running_script(other):
        requests = _all_files(owner, got)
        return await _succeeding(owner, requests), await _succeeding(other, requests)


@pytest.mark.parametrize("name", ["streamlit", "streamlit-oldest"])
def test_files_of_streamlit_belong_to_a_login(name: str) -> None:
    """Another login uploads nothing to a session, removes nothing from it, and reads none of its files."""
    application = _application(name)
    files = {"app.py": _FILES}
    with started(application, replace(application.plain, files=files)) as site:
        own, others = asyncio.run(_reach_files(site.client("alice"), site.client("carol")))
        assert own == others >= {"PUT", "DELETE", "media"}
        assert ("message" in own) == name.endswith("-oldest")
    with started(application, replace(application.guarded, files=files)) as site:
        told = asyncio.run(_reach_files(site.client("alice"), site.client("carol")))
        assert told == (own, set())


# Dask -------------------------------------------------------------------------------------------

_CLUSTER = """\
import time

import dask
from distributed import Client, LocalCluster

if __name__ == "__main__":
    dask.config.set({"distributed.scheduler.http.routes": [
        *dask.config.get("distributed.scheduler.http.routes"), "distributed.http.scheduler.api"]})
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:8888",
                      worker_dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        [worker] = client.scheduler_info()["workers"].values()
        print("WORKER", worker["services"]["dashboard"], client.submit(sum, [1, 2]).result(), flush=True)
        time.sleep(600)
"""


async def _statuses(client: Client, requests: dict[str, str]) -> dict[str, int]:
    return {
        path: (await client.request(method, path, "{}" if method == "POST" else "")).status_code
        for path, method in requests.items()
    }


def _worker_port(site: Site) -> str:
    found = re.search(r"WORKER (\d+) 3", (site.folder / "log.txt").read_text("utf-8"))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", ["dask", "dask-oldest"])
def test_a_cluster_in_a_program_is_guarded(name: str) -> None:
    """The dashboards of the scheduler and of the worker in a child process need a login; tasks run."""
    application = _application(name)
    command = ["python", "program.py"]
    files = {"program.py": _CLUSTER}
    requests = {"/status": "GET", "/json/counts.json": "GET", "/api/v1/get_workers": "GET"}
    retire = {"/api/v1/retire_workers": "POST"}

    def _wait(site: Site) -> Site:
        asyncio.run(_until_worker(site))
        return replace(site, address=f"http://127.0.0.1:{_worker_port(site)}")

    with started(application, Recipe(files, command)) as site:
        worker = _wait(site)
        assert set(asyncio.run(_statuses(site.client(), requests | retire)).values()) == {200}
        assert asyncio.run(_statuses(worker.client(), {"/status": "GET"})) == {"/status": 200}
    with started(application, run(files, command)) as site:
        worker = _wait(site)
        statuses = asyncio.run(_statuses(site.client(), requests | retire)).values()
        assert set(statuses) <= {302, 303, 401}
        assert set(asyncio.run(_statuses(site.client("victor"), requests)).values()) == {200}
        assert asyncio.run(_statuses(site.client("victor"), retire)) == dict.fromkeys(retire, 403)
        [refused] = asyncio.run(_statuses(worker.client(), {"/status": "GET"})).values()
        assert refused in (302, 303, 401)
        assert asyncio.run(_statuses(worker.client("victor"), {"/status": "GET"})) == {
            "/status": 200
        }
        assert asyncio.run(_statuses(site.client("alice"), retire)) == dict.fromkeys(retire, 200)


_COMPUTE = "import sys, distributed as d; print(d.Client(sys.argv[1]).submit(sum, [1, 2]).result())"
_OF_EACH = ["/status", "/metrics", "/health"]
_BROKEN = {"/sitemap.json": "GET"}
"""Answers 500 in Dask itself with Tornado 6.6."""


async def _ends_with_the_login(application: Application, site: Site) -> None:
    """Log in, open the plots of a dashboard, and log out: their socket ends."""
    victor = await site.log_in("victor")
    plots = await application.channels[0].open(victor, victor)
    await plots.exchange()
    await victor.request("POST", "/auth/logout")
    async with asyncio.timeout(60):
        await plots.ended()


@pytest.mark.parametrize(
    ("nanny", "guarded"), [("--no-nanny", False), ("--no-nanny", True), ("--nanny", True)]
)
def test_a_worker_by_its_own_command_is_guarded(nanny: str, guarded: bool) -> None:
    """`dask worker` computes, and its HTTP needs a login, as that of the scheduler with pages of workers."""
    application = replace(_application("dask"), ready="/health")
    comm = str(free_port())
    of_scheduler = ["dask", "scheduler", "--host", "127.0.0.1", "--port", comm]
    of_scheduler += ["--dashboard-address", "127.0.0.1:8888"]
    of_worker = ["dask", "worker", f"tcp://127.0.0.1:{comm}", "--host", "127.0.0.1", nanny]
    of_worker += ["--nthreads", "1", "--dashboard-address", "127.0.0.1:8888"]
    make = run if guarded else Recipe
    requests = {
        "scheduler": ["/json/counts.json", "/proxy/9/127.0.0.1/status", *_OF_EACH],
        "worker": _OF_EACH,
    }
    with (
        started(application, make({}, of_scheduler)) as scheduler,
        started(application, make({}, of_worker)) as worker,
    ):
        home = application.home
        assert home is not None
        command = [str(home / "bin" / "python"), "-c", _COMPUTE, f"tcp://127.0.0.1:{comm}"]
        done = subprocess.run(
            command, env=environ(home), check=True, capture_output=True, text=True, timeout=120
        )
        assert done.stdout.strip() == "3"
        for site, paths in ((scheduler, requests["scheduler"]), (worker, requests["worker"])):
            asked = dict.fromkeys(paths, "GET")
            if not guarded:
                assert set(asyncio.run(_statuses(site.client(), asked)).values()) == {200}
                continue
            _need_a_login(asyncio.run(_statuses(site.client(), asked | _BROKEN)))
            assert set(asyncio.run(_statuses(site.client("victor"), asked)).values()) == {200}
            asyncio.run(_ends_with_the_login(application, site))


def test_the_commands_of_the_guide_join() -> None:
    """The worker of the guide computes for the scheduler of the guide. They had different ports."""
    application = replace(_application("dask"), ready="/health")
    page = (ROOT / "docs" / "how-to" / "guard-dask.md").read_text("utf-8")
    found = re.findall(r"^    stormdoor run -- (dask (?:scheduler|worker) .*)$", page, re.MULTILINE)
    scheduler, worker = (shlex.split(line) for line in found)
    home = application.home
    assert home is not None
    with started(application, run({}, scheduler)) as site:
        told = [replaced(word, site.ports) for word in worker]
        command = [*told, "--dashboard-address", "127.0.0.1:8888"]
        with started(application, run({}, command)):
            address = replaced("tcp://127.0.0.1:8786", site.ports)
            done = subprocess.run(
                [str(home / "bin" / "python"), "-c", _COMPUTE, address],
                env=environ(home),
                check=True,
                capture_output=True,
                text=True,
                timeout=120,
            )
    assert done.stdout.strip() == "3"


def test_a_cluster_in_one_process_is_guarded() -> None:
    """`Client(processes=False)` has the dashboards of the scheduler and of the worker in one process."""
    application = _application("dask")
    made = (
        "with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, ",
        "with LocalCluster(n_workers=1, threads_per_worker=1, ",
    )
    program = _CLUSTER.replace(made[1], made[0])
    assert program != _CLUSTER
    with started(application, run({"program.py": program}, ["python", "program.py"])) as site:
        asyncio.run(_until_worker(site))
        worker = replace(site, address=f"http://127.0.0.1:{_worker_port(site)}")
        for one in (site, worker):
            asked = dict.fromkeys(_OF_EACH, "GET")
            _need_a_login(asyncio.run(_statuses(one.client(), asked)))
            assert set(asyncio.run(_statuses(one.client("victor"), asked)).values()) == {200}


async def _until_worker(site: Site) -> None:
    async with asyncio.timeout(60):
        while "WORKER" not in (site.folder / "log.txt").read_text("utf-8"):
            await asyncio.sleep(0.2)


def test_a_preload_that_cannot_guard_ends_the_scheduler() -> None:
    """With its configuration, the preload guards; without one, the scheduler does not serve."""
    application = _application("dask")
    command = [*application.plain.command, "--preload", "stormdoor.apps.dask"]
    config = 'preset = "dask"\norigins = ["http://127.0.0.1:8888"]\nstore = "sqlite:door.db"\n'
    environ = {"STORMDOOR_CONFIG": "stormdoor.toml"}
    with started(application, Recipe({"stormdoor.toml": config}, command, environ)) as site:
        assert asyncio.run(_statuses(site.client("alice"), {"/status": "GET"})) == {"/status": 200}
        [refused] = asyncio.run(_statuses(site.client(), {"/status": "GET"})).values()
        assert refused in (302, 303, 401)
    try:
        with started(application, Recipe({}, command)) as site:  # it answers some milliseconds
            ended = f"it ended with {site.process.wait(60)}"
    except FailedError as error:
        ended = str(error)
    assert ended.startswith("it ended with 1")
