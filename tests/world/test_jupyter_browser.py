"""JupyterLab and Notebook 7 in Chromium: log in, run a cell, watch as a viewer, be revoked, log out.

`python -m tests.world.test_jupyter_browser` takes the screenshots of the how-to and the README.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import find_chromium
from tests.support.project import ROOT
from tests.world.application import Recipe
from tests.world.applications.jupyterlab import APPLICATION, COMMAND
from tests.world.checks import run_command
from tests.world.environment import home_of, require
from tests.world.jupyter_pages import (
    MILLISECONDS,
    Sockets,
    launched,
    log_in,
    run,
    run_until_answered,
    user_of,
)
from tests.world.jupyter_site import notebook_of
from tests.world.site import Site, started

__all__ = ["main"]

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_CODE = "print('six times seven is', 6 * 7)"
_ANSWER = "six times seven is 42"


@contextlib.contextmanager
def _site(release: str = "jupyterlab") -> Iterator[Site]:
    files = {**APPLICATION.guarded.files, "notebooks/cells.ipynb": notebook_of(_CODE)}
    command = [*COMMAND, "--config=jupyter_server_config.py"]
    application = replace(APPLICATION, home=home_of(release))
    with started(application, Recipe(files, command)) as site:
        yield site


@pytest.fixture(scope="module", params=["jupyterlab", "jupyterlab-oldest"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """JupyterLab and Notebook 7 with the guard, and a notebook with one cell: current and oldest release."""
    require(request.param)
    with _site(request.param) as site:
        yield site


@pytest.fixture(scope="module")
def browser(chromium: str, site: Site) -> Iterator[Browser]:
    """A Chromium without a window. It is started last: Playwright keeps an event loop running."""
    with launched(chromium) as browser:
        yield browser


def _log_in(
    browser: Browser, site: Site, path: str = "lab/tree/cells.ipynb"
) -> tuple[Page, Sockets]:
    """Log in with Jupyter's form, in a browser of its own, and open the notebook."""
    page, sockets = log_in(browser, site, path)
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_be_visible(timeout=MILLISECONDS)
    return page, sockets


@pytest.mark.parametrize(
    ("path", "start"), [("lab/tree/cells.ipynb", "lab"), ("notebooks/cells.ipynb", "tree")]
)
def test_log_in_work_and_log_out(
    browser: Browser, site: Site, path: str, start: str, request: pytest.FixtureRequest
) -> None:
    """The cell runs. After the logout, the kernel's socket is closed, and the next page is the login.

    JupyterLab opens a socket with another close code than 1000 and 1001 again, and then says "Kernel died".
    """
    page, sockets = _log_in(browser, site, path)
    sockets.until_open(page, "channels")
    run_until_answered(page, _ANSWER)
    other = page.context.new_page()
    other.goto(f"{site.address}/logout")
    sockets.until_closed(page, "channels")
    sockets.until_closed(page, "subscribe")
    if "jupyterlab-oldest" not in str(request.node.name):  # 4.0 says "Kernel died" after each end
        page.wait_for_timeout(8_000)
        assert page.locator(".jp-Dialog").all_inner_texts() == []
    other.goto(f"{site.address}/{start}")
    other.wait_for_url("**/login?next=*")
    page.context.close()


def test_a_viewer_watches_and_executes_nothing(browser: Browser, site: Site) -> None:
    """The viewer sees the output of the owner's cell, and gets none for its own."""
    owner, working = _log_in(browser, site)
    working.until_open(owner, "channels")
    page, sockets = _log_in(browser, site)
    run_command(site, "principals", "add", user_of(page), "--role", "viewer", "--no-password")
    page.reload()
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    expect(cell).to_be_visible(timeout=MILLISECONDS)
    statuses = page.evaluate(
        "Promise.all(['/api/kernels', '/api/terminals', '/api/shutdown'].map(path => fetch(path, "
        "{method: 'POST', headers: {'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}, "
        "body: '{}'}).then(r => r.status)))"
    )
    assert statuses == [403, 403, 403]
    sockets.until_open(page, "channels")
    run(page)
    page.wait_for_timeout(3_000)
    assert _ANSWER not in page.locator(".jp-Notebook").inner_text().replace(_CODE, "")
    owner.context.close()
    page.context.close()


def test_a_revocation_ends_the_work(browser: Browser, site: Site) -> None:
    """The kernel's socket closes, and a reload leads to the login."""
    page, sockets = _log_in(browser, site)
    sockets.until_open(page, "channels")
    run_command(site, "revoke", "principal", user_of(page), "--reason", "lost laptop")
    sockets.until_closed(page, "channels")
    page.goto(f"{site.address}/lab")
    page.wait_for_url("**/login?next=*")
    page.context.close()


def main() -> int:
    """Take the screenshots of the how-to and the README. JupyterLab ignores the browser's colour scheme."""
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("no Chromium or Chrome on this machine\n")
        return 1
    require("jupyterlab")
    with _site() as site, launched(chromium) as browser:
        page, sockets = _log_in(browser, site)
        sockets.until_open(page, "channels")
        run_until_answered(page, _ANSWER)
        for name in ("jupyterlab", "jupyterlab-logout"):
            page.wait_for_timeout(3_000)
            path = ROOT / "docs" / "_static" / f"{name}.png"
            page.screenshot(path=path, animations="disabled")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
            with page.context.new_page() as other:
                other.goto(f"{site.address}/logout")
        page.context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
