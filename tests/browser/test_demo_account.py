"""The account page: a second factor, the login with one, and being asked again on an open socket."""

from __future__ import annotations

import time
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.demo.running import Running

pytestmark = pytest.mark.extended

_OPEN = "#state[data-state=open]"
_READY = "body[data-ready]"


def _age(demo: Running, name: str) -> None:
    """Make the proofs of the principal's sessions one hour old."""
    with demo.database() as database:
        database.execute(
            "UPDATE session SET authenticated_at = authenticated_at - 3600 WHERE principal_id = ?",
            [name],
        )


def _see_code(page: Page) -> None:
    """The picture is one that the browser can draw."""
    page.wait_for_selector("#qr[src]")
    drawn = page.evaluate("document.getElementById('qr').decode().then(() => true)")
    assert drawn is True


def _enrol(page: Page) -> tuple[pyotp.TOTP, list[str]]:
    """Add an app. Returns it, and the recovery codes."""
    page.click("#add-totp")
    expect(page.locator("#enrol")).to_be_visible()
    _see_code(page)
    app = pyotp.TOTP(page.inner_text("#secret").replace(" ", ""))
    page.fill("#enrol [name=code]", app.now())
    page.click("#enrol button.primary")
    expect(page.locator("#code-list li")).to_have_count(10)
    expect(page.locator("#enrol")).to_be_hidden()
    return app, page.locator("#code-list li").all_inner_texts()


def test_a_second_factor(visit: Visit, demo: Running) -> None:
    """Enrolled on the account page, asked for at the next login, and removed again."""
    page = visit("bob", "/account")
    page.wait_for_selector(_READY)
    app, codes = _enrol(page)
    page.click("#who")
    page.click("#log-out")
    page.wait_for_selector("#login")
    page.fill("input[name=username]", "bob")
    page.fill("input[name=password]", demo.password("bob"))
    page.click("#login button")
    expect(page.locator("#code")).to_be_visible()
    expect(page.locator("#login")).to_be_hidden()
    page.fill("#totp", "000000")
    page.click("#code button")
    expect(page.locator("#code-error")).to_contain_text("not right")
    # The code of the enrolment is used up; the next one counts already.
    page.fill("#totp", app.at(int(time.time()) + 30))
    page.click("#code button")
    page.wait_for_selector(_OPEN)

    _age(demo, "bob")
    page.goto(f"{demo.origin}/account")
    page.wait_for_selector(_READY)
    expect(page.locator("#recovery-left")).to_have_text("10 recovery codes left")
    page.click("#factor-list button")
    expect(page.locator("#proof")).to_be_visible()
    expect(page.locator("#proof-label")).to_contain_text("Code of your app")
    page.fill("#proof-secret", codes[0])
    page.click("#proof button.primary")
    expect(page.locator("#no-factor")).to_be_visible()
    expect(page.locator("#factor-note")).to_have_text("Removed.")


def test_a_login_without_scripts_asks_for_the_code(visit: Visit) -> None:
    """The page for the second step is a plain form, too."""
    page = visit(None)
    page.goto(page.url + "code?error=unauthenticated")
    expect(page.locator("#code")).to_be_visible()
    expect(page.locator("#login")).to_be_hidden()
    expect(page.locator("#code-error")).to_contain_text("not right")
    assert page.get_attribute("#code", "action") == "/auth/second-factor"


def test_an_announcement_takes_a_fresh_proof(visit: Visit, demo: Running) -> None:
    """An hour after the login the administrator is asked again, and the same socket goes on."""
    page = visit("ada")
    page.wait_for_selector(_OPEN)
    _age(demo, "ada")
    page.reload()
    page.wait_for_selector(_OPEN)

    page.fill("#announce-text", "first")
    page.press("#announce-text", "Enter")
    expect(page.locator("#proof")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#notes")).to_contain_text("fresh proof")
    expect(page.locator("#banners")).not_to_contain_text("first")

    page.fill("#announce-text", "second")
    page.press("#announce-text", "Enter")
    expect(page.locator("#proof-label")).to_have_text("Your password")
    page.fill("#proof-secret", "not the password")
    page.click("#proof button.primary")
    expect(page.locator("#proof-error")).to_contain_text("not right")
    page.fill("#proof-secret", demo.password("ada"))
    page.click("#proof button.primary")
    expect(page.locator("#banners")).to_contain_text("second")
    expect(page.locator("#proof")).to_be_hidden()
    expect(page.locator(_OPEN)).to_be_visible()
    renewed = demo.wait_recorded("connection_renewed", principal="ada")
    own = [one for one in demo.entries() if one.get("principal") == "ada"]
    opened = [one["connection"] for one in own if one["name"] == "connection_opened"]
    assert opened[-1] == renewed["connection"]


def test_other_sessions_are_ended_after_a_proof(visit: Visit, demo: Running) -> None:
    """A client at an unlocked screen must prove a factor before it can end the other sessions."""
    visit("mia")
    page = visit("mia", "/account")
    page.wait_for_selector(_READY)
    expect(page.locator("#own-sessions li")).to_have_count(2)
    _age(demo, "mia")
    page.click("#end-my-others")
    expect(page.locator("#proof")).to_be_visible()
    page.fill("#proof-secret", demo.password("mia"))
    page.click("#proof button.primary")
    expect(page.locator("#own-sessions-note")).to_have_text("1 other session ended.")
    expect(page.locator("#own-sessions li")).to_have_count(1)


def test_it_fits_the_screen(visit: Visit, tmp_path: Path) -> None:
    """With an enrolment open, and with the dialog before it, nothing sticks out sideways."""
    page = visit("alice", "/account")
    page.wait_for_selector(_READY)
    page.click("#add-totp")
    _see_code(page)
    for asked in (False, True):
        if asked:
            page.evaluate("document.getElementById('proof').showModal()")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                name = f"{'proof' if asked else 'account'}-{scheme}-{width}.png"
                page.screenshot(path=tmp_path / name)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
