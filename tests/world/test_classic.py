"""The classic Jupyter Notebook 6 asks for one login, that of the guard."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from stormdoor.auth.session.cookie import SESSION_COOKIE
from tests.world.application import Application, Recipe, run
from tests.world.client import RefusedError, open_socket
from tests.world.environment import require
from tests.world.site import Site, started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_COMMAND = [
    "jupyter",
    "notebook",
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=8888",
    "--NotebookApp.token=of-the-server",
]


def _application(home: Path, *options: str) -> Application:
    guarded = run({}, _COMMAND, *options)
    plain = Recipe({}, _COMMAND)
    return Application("notebook", ["notebook"], plain, guarded, [], ready="/api", home=home)


async def _places(site: Site, name: str | None) -> dict[str, str]:
    """Return the status of pages and the path that each leads to."""
    found = {}
    for path in ("/tree", "/api/kernels"):
        answer = await site.client(name).request("GET", path, headers={"Accept": "text/html"})
        led = answer.headers.get("location", "").partition("?")[0]
        found[path] = f"{answer.status_code} {led}".strip()
    return found


async def _opens_a_kernel(site: Site, name: str) -> bool:
    """Start a kernel as a page does, and return whether another client `name` opens its socket."""
    alice = await site.client("alice").logged_in_at("/tree")
    token = {"X-XSRFToken": alice.cookies["_xsrf"]}
    made = await alice.request("POST", "/api/kernels", "{}", token)
    assert made.status_code == 201
    path = f"/api/kernels/{made.json()['id']}/channels"
    client = alice if name == "alice" else site.client()
    try:
        socket = await open_socket(client, path)
    except RefusedError:
        return False
    await socket.close()
    return True


def test_one_login_opens_a_classic_notebook() -> None:
    """Without the guard, the token of the server is asked; with it, a session of the guard alone."""
    application = _application(require("notebook"))
    with started(application, application.plain) as site:
        assert asyncio.run(_places(site, None))["/tree"] == "302 /login"
    with started(application, application.guarded) as site:
        asked = asyncio.run(_places(site, None))
        assert asked == dict.fromkeys(asked, "401")
        assert asyncio.run(_places(site, "alice")) == dict.fromkeys(asked, "200")
        assert asyncio.run(_opens_a_kernel(site, "alice"))
        assert not asyncio.run(_opens_a_kernel(site, ""))


def test_the_token_stays_where_the_guard_leaves_pages_open() -> None:
    """With `--insecure-unguarded-pages`, Jupyter's own login is the one in front of its pages."""
    application = _application(require("notebook"), "--insecure-unguarded-pages")
    with started(application, application.guarded) as site:
        client = replace(site.client(), cookies={SESSION_COOKIE: site.sessions["alice"]})
        assert asyncio.run(_places(site, None))["/tree"] == "302 /login"
        answer = asyncio.run(client.request("GET", "/tree"))
        assert (answer.status_code, answer.headers["location"][:6]) == (302, "/login")
