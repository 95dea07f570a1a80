"""Take the screenshots of the guides for applications: `python -m tests.world.screenshots [NAME…]`.

Chromium opens the application's page, logs in as alice, and shows the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.support.browser import find_chromium
from tests.support.project import ROOT
from tests.world.applications import applications
from tests.world.environment import install
from tests.world.site import PASSWORD, Site, started

__all__ = ["PICTURES", "log_in", "take"]

FOLDER = ROOT / "docs" / "_static"
_SIZE = {"width": 720, "height": 400}
_SECONDS = 60_000.0


def log_in(page: Page, address: str, name: str = "alice") -> None:
    """Open a page of the application; the login comes first, and then the page."""
    page.goto(address)
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit], form button")


def _bokeh(page: Page, site: Site) -> None:
    log_in(page, f"{site.address}/app")
    expect(page.get_by_text("height")).to_be_visible(timeout=_SECONDS)
    page.locator(".noUi-handle").focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    expect(page.locator("canvas").first).to_be_visible(timeout=_SECONDS)
    page.wait_for_timeout(2_000)


def _panel(page: Page, site: Site) -> None:
    log_in(page, f"{site.address}/app")
    expect(page.get_by_text("nothing yet")).to_be_visible(timeout=_SECONDS)
    page.locator(".noUi-handle").focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    expect(page.get_by_text(re.compile("^height [1-9]"))).to_be_visible(timeout=_SECONDS)


def _dask(page: Page, site: Site) -> None:
    log_in(page, f"{site.address}/status")
    expect(page.locator("canvas").first).to_be_visible(timeout=_SECONDS)
    page.wait_for_timeout(4_000)


def _streamlit(page: Page, site: Site) -> None:
    log_in(page, f"{site.address}/")
    expect(page.get_by_text("hello from the script")).to_be_visible(timeout=_SECONDS)


def _login(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/auth/login")
    expect(page.locator("input[name=username]")).to_be_visible(timeout=_SECONDS)


PICTURES: dict[str, Callable[[Page, Site], None]] = {
    "bokeh": _bokeh,
    "panel": _panel,
    "dask": _dask,
    "streamlit": _streamlit,
    "socketio": _login,
}
"""The way to the picture of each guide."""


def take(name: str, executable: str, folder: Path) -> Path:
    """Take the screenshot of one guide, and return its path.

    Args:
        name: The application, which is installed.
        executable: Chromium.
        folder: Where the picture is written.
    """
    application = applications()[name]
    path = folder / f"guard-{name}.png"
    with started(application, application.guarded) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        context = browser.new_context(viewport=_SIZE, device_scale_factor=1.5)  # type: ignore[arg-type, unused-ignore]
        page = context.new_page()
        PICTURES[name](page, site)
        page.screenshot(path=path, animations="disabled")
        browser.close()
    return path


def main() -> int:
    """Take those that the command line names; without a name, all of them."""
    executable = find_chromium()
    if executable is None:
        sys.stderr.write("no Chromium or Chrome on this machine\n")
        return 1
    for name in sys.argv[1:] or PICTURES:
        install(name)
        sys.stdout.write(f"{take(name, executable, FOLDER).relative_to(ROOT)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
