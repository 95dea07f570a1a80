"""The pages of the built-in login and of the demo, judged by axe, light and dark, on phones and desktops."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from stormdoor import LoginAppearance
from stormdoor.tornado.login_pages import LoginPages
from stormdoor.tornado.login_texts import LANGUAGES
from tests.browser.conftest import Visit
from tests.support.axe import axe_source, findings

pytestmark = [pytest.mark.installs, pytest.mark.extended]

COLORS = ("", "#1a5fb4", "#ffee00", "#ffffff", "#000000", "#777777")
_NOTICE = "Maintenance on Friday, 18:00.\nThe plots of last week stay readable."
_WIDE = """() => [document.documentElement, ...document.querySelectorAll("main, main *")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline")
    .map((one) => one.outerHTML.slice(0, 120))"""
_REF = "7GQ2M4XK9B"
_LONG = "a-very-long-name-of-an-account@" + "subdomain." * 8 + "example"


def _looks(language: str, color: str) -> dict[str, str]:
    """Every page of the login, by a name."""
    appearance = LoginAppearance(name="Plots of the lab", color=color, notice=_NOTICE)
    pages = LoginPages(appearance if color else LoginAppearance(), language)
    return {
        "login": pages.login("/auth/login", None),
        "wrong": pages.login("/auth/login", "unauthenticated", ref=_REF),
        "ended": pages.login("/auth/login", None, remark=pages.session_ended()),
        "lost": pages.login("/auth/login", None, remark=pages.lost_cookie(plain=True)),
        "blocked": pages.login("/auth/login", None, remark=pages.lost_cookie(plain=False)),
        "provider": pages.login(None, None, providers={"/auth/oidc/login": "Our <house>"}),
        "providers": pages.login(
            None, "unavailable", providers={"/auth/a/login": _LONG, "/auth/b/login": "Our house"}
        ),
        "beside": pages.login("/auth/login", None, providers={"/auth/oidc/login": "Our house"}),
        "provider-failed": pages.provider_failed("unauthenticated", "/auth/oidc/login", _REF),
        "provider-forbids": pages.provider_failed("forbidden", "/auth/oidc/login", _REF),
        "lost-at-provider": pages.lost("/auth/oidc/login", _REF),
        "second-factor": pages.second_factor("/auth/second-factor", "unauthenticated").replace(
            "<details>", "<details open>"
        ),
        "signed-in": pages.logout(_LONG, logout="/out", login="/in", continue_at="/lab"),
        "signed-out": pages.logout(None, logout="/out", login="/in"),
        "forbidden": pages.forbidden(_LONG, "/in", _REF),
    }


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a light and of a dark browser."""
    context = browser.new_context(color_scheme=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe."""
    return axe_source()


@pytest.mark.parametrize("color", COLORS)
def test_axe_finds_nothing(color: str, page: Page, axe: str) -> None:
    """With the colours of stormdoor, and with each colour of an operator."""
    found = []
    for name, html in _looks("en", color).items():
        page.set_content(html)
        found += [f"{name}: {one}" for one in findings(page, axe)]
    assert found == []


def test_axe_finds_what_is_wrong(page: Page, axe: str) -> None:
    """It judges the style: a text with too little contrast, and a field without a label, are found."""
    html = LoginPages(LoginAppearance()).login("/auth/login", "unauthenticated")
    page.set_content(re.sub("--text:[^;]+", "--text:#777", html).replace("<label", "<p"))
    found = " ".join(findings(page, axe))
    assert "color-contrast" in found
    assert "label" in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_fits_the_screen(language: str, page: Page) -> None:
    """From 320 CSS pixels on (WCAG 2.2 §1.4.10), and no text leaves its button."""
    for width in (320, 390, 1200):
        page.set_viewport_size({"width": width, "height": 700})
        for name, html in _looks(language, "#1a5fb4").items():
            page.set_content(html)
            wide = page.evaluate(_WIDE)
            assert wide == [], (name, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_demo(scheme: str, visit: Visit, axe: str) -> None:
    """On each of its pages, as an administrator before the first attack."""
    page = visit("ada", color_scheme=scheme, bypass_csp=True)
    demo, found = page.url.removesuffix("/chat"), []
    for path in ("/chat", "/dashboard", "/attack", "/account"):
        page.goto(f"{demo}{path}")
        expect(page.locator("#who")).to_contain_text("ada")
        found += [f"{path}: {one}" for one in findings(page, axe)]
    assert found == []
