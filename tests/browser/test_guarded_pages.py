"""`stormdoor run` in Chromium: to the login and back, and nothing to see after the logout."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.browser.conftest import FLAGS
from tests.run.running import Run, running, write

pytestmark = pytest.mark.extended

PROGRAM = '''
OWN = "own" in sys.argv


class Lab(RequestHandler):
    """A page with a secret. With `own`, the application checks a cookie of its own."""

    def get(self):
        if OWN and not self.get_cookie("own"):
            self.redirect("/in")
            return
        self.write("<title>Lab</title><h1>the secret of %s</h1>" % self.request.uri)
        self.write("<form method=post action=/change><button>Change</button></form>")


class In(RequestHandler):
    def get(self):
        self.set_cookie("own", "1", httponly=True)
        self.write("in")


class Out(RequestHandler):
    def get(self):
        self.clear_cookie("own")
        self.write("out")


class Change(RequestHandler):
    changes = 0

    def post(self):
        Change.changes += 1
        self.write("changed")

    def get(self):
        self.write("%d changes" % Change.changes)


class Evil(RequestHandler):
    """A page of another origin: another port."""

    def get(self):
        target = self.get_argument("at")
        self.write("<iframe src='%s/auth/login'></iframe>" % target)
        self.write("<form method=post action='%s/change'><button>Win</button></form>" % target)
        self.write("<img src='%s/lab' onerror=\\"document.title='refused'\\">" % target)


async def main():
    application = make()
    routes = [("/lab.*", Lab), ("/in", In), ("/out", Out), ("/change", Change)]
    application.add_handlers(".*", routes)
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()


async def evil():
    Application([("/", Evil)]).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(evil() if "evil" in sys.argv else main())
'''


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """Chromium with its cache of pages for the back button, which Playwright switches off."""
    one = playwright.chromium.launch(
        executable_path=chromium,
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield one
    one.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A new profile."""
    context = browser.new_context()
    yield context
    context.close()


def _start(folder: Path, *arguments: str) -> list[str]:
    write(folder, PROGRAM)
    return [sys.executable, "app.py", *arguments]


def _log_in(page: Page, run: Run) -> None:
    """Fill the form of the login, on which the page is."""
    said = run.wait_for("first account")
    name, password = Path(said["password_file"]).read_text("utf-8").split()
    page.fill("#username", name)
    page.fill("#password", password)
    page.click("main form button")


def test_to_the_login_and_back_to_the_address(tmp_path: Path, context: BrowserContext) -> None:
    """The browser returns to its path with its query. A refused POST is not sent again after the login."""
    with running(tmp_path, _start(tmp_path)) as run:
        run.wait_for("guarded")
        at, page = f"http://127.0.0.1:{run.port}", context.new_page()
        path = "/lab/a%20b?file[]=x&name=%C3%A4&to=//evil.example"
        page.goto(at + path)
        expect(page).to_have_title("Sign in")
        _log_in(page, run)
        expect(page.locator("h1")).to_contain_text("the secret of /lab/a%20b?file")
        assert page.url == at + path.replace("[]", "%5B%5D")
        context.clear_cookies()
        page.click("text=Change")  # the session is over: the form is refused, and goes nowhere
        expect(page.locator("body")).to_contain_text("authentication required")
        page.goto(f"{at}/change")
        _log_in(page, run)
        expect(page.locator("body")).to_have_text("0 changes")
        for target in (
            "//evil.example",
            "/\\evil.example",
            "https:evil.example",
            "/%0d%0aLocation:/",
        ):
            context.clear_cookies()
            page.goto(f"{at}/auth/login?next={target}")
            _log_in(page, run)
            page.wait_for_url(lambda url: "/auth/login" not in url)
            assert page.url.startswith(at)


def test_nothing_is_shown_after_the_logout(tmp_path: Path, context: BrowserContext) -> None:
    """The back button shows a page of an application with its own cookie; with the guard, the login."""
    page = context.new_page()
    with running(tmp_path, _start(tmp_path, "own"), guarded=False) as plain:
        plain.wait_until_answering()
        for path in ("/in", "/lab", "/out"):
            page.goto(f"http://127.0.0.1:{plain.port}{path}")
        page.go_back(wait_until="commit")  # a page of the cache does not load
        expect(page.locator("h1")).to_contain_text("the secret")
    with running(tmp_path, _start(tmp_path)) as run:
        run.wait_for("guarded")
        at = f"http://127.0.0.1:{run.port}"
        page.goto(f"{at}/lab")
        _log_in(page, run)
        expect(page.locator("h1")).to_contain_text("the secret")
        page.goto(f"{at}/auth/logout")
        page.click("text=Sign out")
        expect(page).to_have_title(re.compile("^Sign(ed out| in)"))
        for _ in range(2):
            page.go_back(wait_until="commit")
            expect(page).to_have_title(re.compile("^Sign"))
            expect(page.locator("body")).not_to_contain_text("the secret")
        page.goto(f"{at}/lab")
        expect(page).to_have_title("Sign in")


def test_a_page_on_another_port(tmp_path: Path, context: BrowserContext) -> None:
    """The browser sends it the cookies: it still frames no login, changes nothing and reads nothing."""
    evil = _start(tmp_path, "evil")
    with (
        running(tmp_path, evil, guarded=False) as other,
        running(tmp_path, _start(tmp_path)) as run,
    ):
        run.wait_for("guarded")
        at, page = f"http://127.0.0.1:{run.port}", context.new_page()
        page.goto(f"{at}/lab")
        _log_in(page, run)
        expect(page.locator("h1")).to_contain_text("the secret")
        other.wait_until_answering()
        page.goto(f"http://127.0.0.1:{other.port}/?at={at}")
        expect(page).to_have_title("refused")
        assert all(not one.locator("#password").count() for one in page.frames)
        page.click("text=Win")
        expect(page.locator("body")).to_contain_text("forbidden")
        page.goto(f"{at}/change")
        expect(page.locator("body")).to_have_text("0 changes")
