"""The results of the probes: what is proven closed is shown with its exchange."""

import io
from dataclasses import replace

from rich.console import Console

from audit_tests.report.sample import REPORT
from audit_tests.report.test_as_html import EVIL, Page
from audit_tests.report.test_crossing import REFUSED, probe_of, tried
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.as_text import print_report
from stormdoor_audit.report.finding import Report


def text_of(report: Report) -> str:
    """Return the output of the terminal."""
    out = Console(file=io.StringIO(), width=100, color_system=None)
    print_report(report, out)
    file = out.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_clean_report_says_what_held() -> None:
    """The endpoint, its five checks and each attempt that was refused; nothing of what was not tried."""
    report = probe_of(tried("SP101", "closed", *REFUSED), tried("SP201", "not-tried"))
    text = text_of(report)
    assert "ws://127.0.0.1:8888/doc/4711" in text
    assert "SP101 was closed." in text
    assert "SP201 was not-tried." not in text
    assert "Results: 0 open, 1 closed, 0 not determined, 1 not tried." in text
    page = as_html(report)
    assert "What was tried" in page
    assert "0 open, 1 closed, 0 not determined, 1 not tried" in page
    assert "nothing remained in doubt" not in page
    assert "&lt; 401" in page
    assert "as an unauthenticated client, and as the owner" in page
    assert "as an unauthenticated client only" in as_html(
        probe_of(tried("SP101", "closed", owned=False))
    )


def test_what_servers_say_is_text() -> None:
    """Nothing of a transcript becomes a tag."""
    odd = replace(tried("SP101", "closed", EVIL), what=EVIL, subject=EVIL)
    page = Page(as_html(probe_of(odd)))
    assert page.errors == []
    assert "img" not in {tag for tag, _ in page.tags}


def test_a_scan_has_tried_nothing() -> None:
    """Its report has no such section, and the terminal shows what it did."""
    assert "What was tried" not in as_html(REPORT)
    assert "closed" not in text_of(REPORT)
