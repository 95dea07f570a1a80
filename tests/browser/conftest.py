"""One Chromium for a run, and a demo for a module."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as NotInTime

from tests.demo.running import Running, demo, installed

__all__ = ["browser", "demo", "installed", "visit"]

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One browser at a time is enough for two processors."""
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium without a window."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield one
        one.close()


# A page on a busy machine may take its time; what it shows in the end is what counts.
_PATIENCE = 45_000
expect.set_options(timeout=_PATIENCE)

_REFUSED = ("WebSocket connection to", "Failed to load resource", "blocked by CORS policy")

Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, demo: Running) -> Iterator[Visit]:
    """Log somebody in with the form and show a page; no page may have an error or break its policy."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # The browser notes what was refused; that is what some tests are about.
        if message.type == "error" and not any(mark in message.text for mark in _REFUSED):
            faults.append(message.text)

    def open_page(name: str | None, path: str = "/chat", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"http://127.0.0.1:{demo.port}/")
        if name is not None:
            answers: list[int] = []
            page.on(
                "response",
                lambda one: answers.append(one.status) if one.url.endswith("/auth/login") else None,
            )
            # The demo asks for patience after the guesses of other tests, and takes the form after that.
            for patience in (_PATIENCE / 3, _PATIENCE):
                page.fill("input[name=username]", name)
                page.fill("input[name=password]", demo.password(name))
                page.click("button[type=submit], form button")
                with contextlib.suppress(NotInTime):
                    page.wait_for_url("**/chat", timeout=patience)
                    break
            else:
                shown = page.inner_text("body", timeout=5_000)
                pytest.fail(f"{name} is still at {page.url} after {answers}, which shows: {shown}")
            if path != "/chat":
                page.goto(f"http://127.0.0.1:{demo.port}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
