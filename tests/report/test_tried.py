"""What a probe tried: what held is shown with its evidence, in a report without findings above all."""

import io
from dataclasses import replace

from rich.console import Console

from stormdoor.report.as_html import as_html
from stormdoor.report.as_text import print_report
from stormdoor.report.finding import Report
from tests.report.sample import REPORT
from tests.report.test_as_html import EVIL, Page
from tests.report.test_crossing import REFUSED, probe_of, tried


def text_of(report: Report) -> str:
    """What the terminal shows."""
    out = Console(file=io.StringIO(), width=100, color_system=None)
    print_report(report, out)
    file = out.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_clean_report_says_what_held() -> None:
    """The endpoint, its five checks and each attempt that was refused; nothing of what was not tried."""
    report = probe_of(tried("SP101", "clear", *REFUSED), tried("SP201", "skipped"))
    text = text_of(report)
    assert "ws://127.0.0.1:8888/doc/4711" in text
    assert "SP101 was clear." in text
    assert "SP201 was skipped." not in text
    page = as_html(report)
    assert "What was tried" in page
    assert "&lt; 401" in page
    assert "as a stranger, and as the owner" in page
    assert "as a stranger only" in as_html(probe_of(tried("SP101", "clear", owned=False)))


def test_what_servers_say_is_text() -> None:
    """Nothing of a transcript becomes a tag."""
    odd = replace(tried("SP101", "clear", EVIL), what=EVIL, subject=EVIL)
    page = Page(as_html(probe_of(odd)))
    assert page.errors == []
    assert "img" not in {tag for tag, _ in page.tags}


def test_a_scan_has_tried_nothing() -> None:
    """Its report has no such section, and the terminal shows what it did."""
    assert "What was tried" not in as_html(REPORT)
    assert "held" not in text_of(REPORT)
