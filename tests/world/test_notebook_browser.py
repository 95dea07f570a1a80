"""Notebook 7, and a notebook that two users of JupyterLab share, in Chromium."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.world.checks import run_command
from tests.world.environment import require
from tests.world.jupyter_pages import (
    MILLISECONDS,
    Sockets,
    launched,
    log_in,
    run_until_answered,
    user_of,
)
from tests.world.jupyter_site import jupyter, notebook_of
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_CODE = "print('six times seven is', 6 * 7)"
_ANSWER = "six times seven is 42"
_FILES = {f"notebooks/{name}.ipynb": notebook_of(_CODE) for name in ("cells", "shared")}


@contextlib.contextmanager
def _served(name: str, chromium: str) -> Iterator[tuple[Browser, Site]]:
    """A guarded server in the environment `name`, and a Chromium without a window."""
    require(name)
    with jupyter(name, files=_FILES) as site, launched(chromium) as browser:
        yield browser, site


def test_log_in_work_and_log_out_of_notebook_7(chromium: str) -> None:
    """A user of Notebook 7 works as one of JupyterLab."""
    with _served("jupyterlab", chromium) as (browser, site):
        _notebook_7(browser, site)


def _notebook_7(browser: Browser, site: Site) -> None:
    """The cell runs. After the logout, the sockets are closed, and the page leads to the login."""
    page, sockets = log_in(browser, site, "notebooks/cells.ipynb")
    sockets.until_open(page, "channels")
    run_until_answered(page, _ANSWER)
    other = page.context.new_page()
    other.goto(f"{site.address}/logout")
    for name in ("channels", "subscribe"):
        sockets.until_closed(page, name)
    other.goto(f"{site.address}/tree")
    other.wait_for_url("**/login?next=*")
    page.context.close()


def _type(page: Page, text: str) -> None:
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type(text)


def _shared(browser: Browser, site: Site) -> tuple[Page, Sockets]:
    page, sockets = log_in(browser, site, "lab/tree/shared.ipynb")
    # A slow machine shows a question whether to wait.
    page.add_locator_handler(page.locator(".jp-Dialog"), lambda one: one.press("Enter"))
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_be_visible(timeout=MILLISECONDS)
    return page, sockets


def test_two_users_share_a_notebook(chromium: str) -> None:
    """A member and a viewer have a window of JupyterLab each."""
    with _served("jupyterlab-extensions", chromium) as (browser, site):
        _share(browser, site)


def _share(browser: Browser, site: Site) -> None:
    """The viewer sees the text of the member, and the member sees none of the viewer, who types more."""
    member, sockets = _shared(browser, site)
    viewer, _ = _shared(browser, site)
    run_command(site, "principals", "add", user_of(viewer), "--role", "viewer", "--no-password")
    viewer.reload()
    seen = viewer.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    expect(seen).to_contain_text(_CODE, timeout=MILLISECONDS)
    _type(viewer, "# of the viewer, who types more than twenty characters ")
    _type(member, "# of the member ")
    expect(seen).to_contain_text("# of the member", timeout=MILLISECONDS)
    assert "viewer" not in member.locator(".jp-Notebook").inner_text()
    [room] = [name for name in sockets.open if name.startswith("json:notebook:")]
    sockets.until_open(member, room)
    member.context.new_page().goto(f"{site.address}/logout")
    sockets.until_closed(member, room)
    for page in (member, viewer):
        page.context.close()
