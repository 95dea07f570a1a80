"""A notebook that two users of JupyterLab share, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.world.checks import run_command
from tests.world.environment import require
from tests.world.jupyter_pages import (
    MILLISECONDS,
    Sockets,
    launched,
    log_in,
    user_of,
)
from tests.world.jupyter_site import jupyter, notebook_of
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_CODE = "print('six times seven is', 6 * 7)"


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
    """A member and a viewer have a window each."""
    name = "jupyterlab-extensions"
    require(name)
    with (
        jupyter(name, files={"notebooks/shared.ipynb": notebook_of(_CODE)}) as site,
        launched(chromium) as browser,
    ):
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
