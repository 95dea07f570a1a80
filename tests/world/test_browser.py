"""Chromium at the guarded Bokeh, Panel and Dask: log in, work, watch as a viewer, be revoked, log out."""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright

from tests.support.browser import find_chromium
from tests.world.applications import applications
from tests.world.environment import ROOT, require
from tests.world.screenshots import log_in
from tests.world.site import Site, started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_SECONDS = 60_000.0
_ENDS = 10_000.0
_UPLOAD = {"bokeh": "got 16 characters", "panel": "got 10 bytes"}


def _open(browser: Browser, site: Site, path: str, name: str) -> tuple[Page, WebSocket]:
    """Log in with the form that comes before the page; return the page and its socket."""
    page = browser.new_context().new_page()
    page.set_default_timeout(_SECONDS)
    with page.expect_websocket() as socket:
        log_in(page, f"{site.address}{path}", name)
    return page, socket.value


def _upload(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": "f.bin", "mimeType": "application/octet-stream", "buffer": bytes(10)}
    )


def _log_out(page: Page, site: Site) -> None:
    other = page.context.new_page()
    other.goto(f"{site.address}/auth/logout")
    other.click("form button")
    other.wait_for_load_state()


def _revoke(site: Site, name: str) -> None:
    command = [sys.executable, "-m", "stormdoor", "revoke", "principal", name, "--reason", "test"]
    environ = {"STORMDOOR_STORE": "sqlite:door.db", "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, cwd=site.folder, env=environ, check=True, capture_output=True)


def _until_closed(page: Page, socket: WebSocket) -> None:
    if not socket.is_closed():
        socket.wait_for_event("close", timeout=_ENDS)
    assert socket.is_closed()


@pytest.mark.parametrize("name", ["bokeh", "panel"])
def test_documents_in_a_browser(name: str) -> None:
    """A member uploads a file, a viewer cannot; a log-out and a revocation end the sockets."""
    require(name)
    application = applications()[name]
    with started(application, application.guarded) as site:
        _documents(name, site)


def _documents(name: str, site: Site) -> None:
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page, socket = _open(browser, site, "/app", "alice")
        expect(page.get_by_text("nothing yet")).to_be_visible(timeout=_SECONDS)
        _upload(page)
        expect(page.get_by_text(_UPLOAD[name])).to_be_visible(timeout=_SECONDS)
        viewer, watching = _open(browser, site, "/app", "victor")
        expect(viewer.get_by_text("nothing yet")).to_be_visible(timeout=_SECONDS)
        _upload(viewer)
        viewer.wait_for_timeout(3_000)
        expect(viewer.get_by_text("nothing yet")).to_be_visible()
        assert not watching.is_closed()
        assert not socket.is_closed()
        _log_out(page, site)
        _until_closed(page, socket)
        page.goto(f"{site.address}/app")
        expect(page.locator("input[name=username]")).to_be_visible(timeout=_SECONDS)
        _revoke(site, "victor")
        _until_closed(viewer, watching)
        browser.close()


def test_the_dashboard_of_dask_in_a_browser() -> None:
    """A viewer sees the plots; a log-out and a revocation end the sockets."""
    require("dask")
    application = applications()["dask"]
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium on this machine")
    with started(application, application.guarded) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name in ("victor", "alice"):
            page, socket = _open(browser, site, "/status", name)
            expect(page.get_by_text("Processing", exact=True)).to_be_visible(timeout=_SECONDS)
            assert not socket.is_closed()
            if name == "alice":
                _revoke(site, name)
            else:
                _log_out(page, site)
            _until_closed(page, socket)
            page.goto(f"{site.address}/status")
            expect(page.locator("input[name=username]")).to_be_visible(timeout=_SECONDS)
        browser.close()
