"""The report of a scan in a real browser: it filters, fits a phone, and runs nothing that it shows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audit_tests.report.sample import REPORT
from audit_tests.report.test_as_html import evil
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.finding import Report

Show = Callable[..., Page]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open a report from a file; no page may have an error or break its policy."""
    faults: list[str] = []
    contexts = []

    def opened(report: Report, **options: object) -> Page:
        path = tmp_path / "report.html"
        path.write_text(as_html(report), encoding="utf-8")
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield opened
    for one in contexts:
        one.close()
    assert faults == []


@pytest.mark.extended
def test_filters(show: Show) -> None:
    """Words, levels and gaps narrow down both lists, and the page counts what is left."""
    page = show(REPORT)
    count = page.locator("#count")
    expect(count).to_have_text("3 of 3 endpoints, 4 of 4 findings")
    page.fill("#words", "termsocket")
    expect(count).to_have_text("1 of 3 endpoints, 1 of 4 findings")
    page.fill("#words", "")
    page.uncheck("input[value=error]")
    expect(count).to_have_text("3 of 3 endpoints, 2 of 4 findings")
    page.check("#open")
    expect(count).to_have_text("2 of 3 endpoints, 2 of 4 findings")
    page.fill("#words", "no such thing")
    expect(page.locator("#no-finding")).to_be_visible()
    expect(page.locator("#no-door")).to_be_visible()


@pytest.mark.extended
def test_phone(show: Show) -> None:
    """On a phone nothing is wider than the screen, and each verdict names its check."""
    page = show(REPORT, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".doors .check").first.is_visible()


@pytest.mark.extended
def test_theme(show: Show) -> None:
    """It follows the system, and can be turned."""
    page = show(REPORT, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != dark
    page.click("#theme")
    assert page.evaluate(ground) == dark


@pytest.mark.extended
def test_without_scripts(show: Show) -> None:
    """Without scripts all is there, and nothing that would not work."""
    page = show(REPORT, java_script_enabled=False)
    assert page.locator(".finding").count() == len(REPORT.findings)
    assert not page.locator("#filters").is_visible()
    assert not page.locator("#theme").is_visible()


def test_hostile_names(show: Show) -> None:
    """Scripts in the code that was read do not run, and would break the policy if they got in."""
    page = show(evil())
    assert page.locator(".finding script, .finding img, .doors script").count() == 0
    expect(page.locator(".message")).to_contain_text("<script>alert(1)</script>")
