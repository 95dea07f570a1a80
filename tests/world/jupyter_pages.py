"""Pages of a Jupyter server in Chromium: the login, and the sockets of a page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from tests.world.applications.jupyterlab import TOKEN
from tests.world.site import Site

__all__ = [
    "MILLISECONDS",
    "SOON",
    "Sockets",
    "launched",
    "log_in",
    "run",
    "run_until_answered",
    "user_of",
]

MILLISECONDS = 90_000
SOON = 15_000


@contextlib.contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """A Chromium without a window. Start it last: Playwright keeps an event loop running."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


class Sockets:
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
        for _ in range(MILLISECONDS // 100):
            if self.open.get(name):
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"no socket of {name} is open")

    def until_closed(self, page: Page, name: str) -> None:
        """Wait until no socket of that name is open."""
        for _ in range(SOON // 100):
            if not self.open.get(name):
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"a socket of {name} is still open")


def log_in(browser: Browser, site: Site, path: str) -> tuple[Page, Sockets]:
    """Open a page in a browser of its own. The login comes first; send its form, and return to the page."""
    context = browser.new_context(viewport={"width": 1000, "height": 640}, device_scale_factor=2)
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    sockets = Sockets(page)
    page.goto(f"{site.address}/{path}")
    page.wait_for_url("**/login?next=*")
    page.fill("input[name=password]", TOKEN)
    page.click("#login_submit")
    page.wait_for_url(f"**/{path}")
    return page, sockets


def user_of(page: Page) -> str:
    """The name of the page's user, as Jupyter says."""
    answer: str = page.evaluate(
        "fetch('/api/me').then(r => r.json()).then(r => r.identity.username)"
    )
    return answer


def run(page: Page) -> None:
    """Run the first cell."""
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")


def run_until_answered(page: Page, answer: str) -> None:
    """Run the cell. A page that has just opened its kernel may lose the key, so it is pressed again."""
    output = page.locator(".jp-OutputArea-output").first
    for _ in range(MILLISECONDS // SOON):
        run(page)
        with contextlib.suppress(NotInTime):
            output.wait_for(timeout=SOON)
            break
    expect(output).to_contain_text(answer, timeout=SOON)
