"""JupyterLab in Chromium: log in, run a cell, watch as a viewer, be revoked, log out.

`python -m tests.world.test_jupyter_browser` takes the screenshot of the how-to.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from tests.support.browser import find_chromium
from tests.support.project import ROOT
from tests.world.application import Recipe
from tests.world.applications.jupyterlab import APPLICATION, COMMAND, TOKEN
from tests.world.checks import run_command
from tests.world.environment import require
from tests.world.site import Site, started

__all__ = ["main"]

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_CODE = "print('six times seven is', 6 * 7)"
_ANSWER = "six times seven is 42"
_NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "one",
            "metadata": {},
            "outputs": [],
            "source": _CODE,
        }
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}
_MILLISECONDS = 90_000
_SOON = 15_000


@contextlib.contextmanager
def _site() -> Iterator[Site]:
    files = {**APPLICATION.guarded.files, "notebooks/cells.ipynb": json.dumps(_NOTEBOOK)}
    command = [*COMMAND, "--config=jupyter_server_config.py"]
    with started(APPLICATION, Recipe(files, command)) as site:
        yield site


@contextlib.contextmanager
def _browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """JupyterLab with the guard, and a notebook with one cell."""
    require("jupyterlab")
    with _site() as site:
        yield site


@pytest.fixture(scope="module")
def browser(chromium: str, site: Site) -> Iterator[Browser]:
    """A Chromium without a window. It is started last: Playwright keeps an event loop running."""
    with _browser(chromium) as browser:
        yield browser


class _Sockets:
    """The sockets of a page, by the last part of their path."""

    def __init__(self, page: Page) -> None:
        self.open: dict[str, set[int]] = {}
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        name = socket.url.partition("?")[0].rpartition("/")[2]
        self.open.setdefault(name, set()).add(id(socket))
        for event in ("close", "socketerror"):  # the latter if the handshake is refused
            socket.on(event, lambda _: self.open[name].discard(id(socket)))

    def until_open(self, page: Page, name: str) -> None:
        """Wait until a socket of that name is open."""
        for _ in range(_MILLISECONDS // 100):
            if self.open.get(name):
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"no socket of {name} is open")

    def until_closed(self, page: Page, name: str) -> None:
        """Wait until no socket of that name is open."""
        for _ in range(_SOON // 100):
            if not self.open.get(name):
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"a socket of {name} is still open")


def _log_in(browser: Browser, site: Site) -> tuple[Page, _Sockets]:
    """Log in with Jupyter's form, in a browser of its own, and open the notebook."""
    context = browser.new_context(viewport={"width": 1000, "height": 640}, device_scale_factor=2)
    context.set_default_timeout(_MILLISECONDS)
    page = context.new_page()
    sockets = _Sockets(page)
    page.goto(f"{site.address}/lab/tree/cells.ipynb")
    page.wait_for_url("**/login?next=*")
    page.fill("input[name=password]", TOKEN)
    page.click("#login_submit")
    page.wait_for_url("**/lab/tree/cells.ipynb")
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_be_visible(timeout=_MILLISECONDS)
    return page, sockets


def _name(page: Page) -> str:
    """The name of the page's user, as Jupyter says."""
    answer: str = page.evaluate(
        "fetch('/api/me').then(r => r.json()).then(r => r.identity.username)"
    )
    return answer


def _run(page: Page) -> None:
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")


def _run_until_answered(page: Page) -> None:
    """Run the cell. A page that has just opened its kernel may lose the key, so it is pressed again."""
    output = page.locator(".jp-OutputArea-output").first
    for _ in range(_MILLISECONDS // _SOON):
        _run(page)
        with contextlib.suppress(NotInTime):
            output.wait_for(timeout=_SOON)
            break
    expect(output).to_contain_text(_ANSWER, timeout=_SOON)


def test_log_in_work_and_log_out(browser: Browser, site: Site) -> None:
    """The cell runs. After the logout, the kernel's socket is closed, and the page leads to the login."""
    page, sockets = _log_in(browser, site)
    sockets.until_open(page, "channels")
    _run_until_answered(page)
    other = page.context.new_page()
    other.goto(f"{site.address}/logout")
    sockets.until_closed(page, "channels")
    sockets.until_closed(page, "subscribe")
    other.goto(f"{site.address}/lab")
    other.wait_for_url("**/login?next=*")
    page.context.close()


def test_a_viewer_watches_and_executes_nothing(browser: Browser, site: Site) -> None:
    """The viewer sees the output of the owner's cell, and gets none for its own."""
    owner, working = _log_in(browser, site)
    working.until_open(owner, "channels")
    page, sockets = _log_in(browser, site)
    run_command(site, "principals", "add", _name(page), "--role", "viewer", "--no-password")
    page.reload()
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    expect(cell).to_be_visible(timeout=_MILLISECONDS)
    statuses = page.evaluate(
        "Promise.all(['/api/kernels', '/api/terminals', '/api/shutdown'].map(path => fetch(path, "
        "{method: 'POST', headers: {'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}, "
        "body: '{}'}).then(r => r.status)))"
    )
    assert statuses == [403, 403, 403]
    sockets.until_open(page, "channels")
    _run(page)
    page.wait_for_timeout(3_000)
    assert _ANSWER not in page.locator(".jp-Notebook").inner_text().replace(_CODE, "")
    owner.context.close()
    page.context.close()


def test_a_revocation_ends_the_work(browser: Browser, site: Site) -> None:
    """The kernel's socket closes, and a reload leads to the login."""
    page, sockets = _log_in(browser, site)
    sockets.until_open(page, "channels")
    run_command(site, "revoke", "principal", _name(page), "--reason", "lost laptop")
    sockets.until_closed(page, "channels")
    page.goto(f"{site.address}/lab")
    page.wait_for_url("**/login?next=*")
    page.context.close()


def main() -> int:
    """Take the screenshot of the how-to; JupyterLab does not follow the browser's colour scheme."""
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("no Chromium or Chrome on this machine\n")
        return 1
    require("jupyterlab")
    with _site() as site, _browser(chromium) as browser:
        page, sockets = _log_in(browser, site)
        sockets.until_open(page, "channels")
        _run_until_answered(page)
        with page.context.new_page() as other:
            other.goto(f"{site.address}/logout")
        page.wait_for_timeout(3_000)
        path = ROOT / "docs" / "_static" / "jupyterlab.png"
        page.screenshot(path=path, animations="disabled")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        page.context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
