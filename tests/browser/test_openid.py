"""A login at a real OpenID provider in a real browser, and everything that ends or strengthens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.docs.pages import Program
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.serve import register
from tests.support.project import ROOT

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

EXAMPLE = (ROOT / "examples" / "openid.py").read_text(encoding="utf-8")


@pytest.fixture
def at(
    request: pytest.FixtureRequest,
    provider: RealProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The example, started; its address. Its name is another one than the provider's: they are two sites.

    With the parameter True it lets the provider's page log people out.
    """
    front = f'front_channel_logout={getattr(request, "param", False)}, unknown="create"'
    text = EXAMPLE.replace('unknown="create"', front).replace("//127.0.0.1", "//localhost")
    program = Program(tmp_path, text, "openid.py")
    address = f"http://localhost:{program.port}"
    for name, value in register(provider, address).items():
        monkeypatch.setenv(name, value)
    with program:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser context with an empty cookie jar."""
    one = browser.new_context()
    one.set_default_timeout(45_000)
    yield one
    one.close()


def fill(page: Page, login: str, otp: str = "") -> None:
    """The provider's form."""
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "x")
    page.fill("input[name=otp]", otp)
    page.click("button[type=submit]:not(#abort)")


def log_in(context: BrowserContext, at: str, login: str) -> Page:
    """From the front page to the provider and back, and into the chat."""
    page = context.new_page()
    page.goto(at)
    expect(page.locator("#who")).to_have_text("Not logged in")
    page.click("#in")
    fill(page, login)
    page.wait_for_url(f"{at}/")
    expect(page.locator("#log")).to_contain_text("open")
    return page


def test_login_step_up_and_logout_at_the_provider(
    at: str, context: BrowserContext, provider: RealProvider
) -> None:
    """Logged in there, in the chat here; stronger in another window; out there, and closed here."""
    page = log_in(context, at, "alice")
    expect(page.locator("#who")).to_contain_text("oidc-")
    cookies = {one["name"]: one for one in context.cookies(at)}
    session = cookies["__Host-stormdoor"]
    assert (session["httpOnly"], session["secure"], session["sameSite"]) == (True, True, "Lax")
    assert "code=" not in page.url

    page.click("#wipe")
    expect(page.locator("#log")).to_contain_text('"error":"step-up"')
    with context.expect_page() as opened:
        page.click("#prove")
    other = opened.value
    fill(other, "alice", otp="123456")
    expect(page.locator("#log")).to_contain_text('"type":"wiped"')
    # The socket has been the same all the time.
    expect(page.locator("#log")).not_to_contain_text("closed")
    after = {one["name"]: one["value"] for one in context.cookies(at)}
    assert after["__Host-stormdoor"] != session["value"]

    elsewhere = context.new_page()
    elsewhere.goto(f"{provider.issuer}/session/end")
    elsewhere.click("#yes")
    expect(page.locator("#log")).to_contain_text("closed 3000")
    page.reload()
    expect(page.locator("#who")).to_have_text("Not logged in")


def test_logout_here_ends_the_login_there(at: str, context: BrowserContext) -> None:
    """By our button, through the provider's page, and back; then the form is shown again."""
    page = log_in(context, at, "bob")
    page.click("#out")
    page.click("#yes")
    page.wait_for_url(f"{at}/")
    expect(page.locator("#who")).to_have_text("Not logged in")
    page.click("#in")
    expect(page.locator("input[name=login]")).to_be_visible()


def answer_of(login: str, at: str) -> str:
    """Return the callback address at which a login of `login` at the provider ends."""
    with httpx2.Client(trust_env=False) as client:
        where = str(client.get(f"{at}/auth/oidc/login").headers["location"])
        while not where.startswith(at):
            answer = client.get(where)
            if "/interaction/" in where and not answer.is_redirect:
                answer = client.post(where, data={"login": login, "password": "x"})
            where = urljoin(where, answer.headers["location"])
    return where


def test_somebody_elses_answer_logs_nobody_in(at: str, context: BrowserContext) -> None:
    """Login CSRF in a real browser: mallory's callback address, opened by alice."""
    alice = context.new_page()
    answer = alice.goto(answer_of("mallory", at))
    assert answer is not None
    assert answer.status == 401
    # Without the cookie of a login, the page says that the browser kept none.
    expect(alice.locator("h1")).to_have_text("Sign in")
    assert "__Host-stormdoor" not in {one["name"] for one in context.cookies(at)}


@pytest.mark.parametrize("at", [True], indirect=True)
def test_the_providers_page_logs_out(
    at: str, context: BrowserContext, provider: RealProvider
) -> None:
    """In a frame of another site, which has none of our cookies: the session is found and ended."""
    page = log_in(context, at, "carol")
    elsewhere = context.new_page()
    elsewhere.goto(f"{provider.issuer}/session/end")
    # Nothing is confirmed there, so that no word comes by the back channel.
    expect(page.locator("#log")).to_contain_text("closed 3000")
    page.reload()
    expect(page.locator("#who")).to_have_text("Not logged in")
