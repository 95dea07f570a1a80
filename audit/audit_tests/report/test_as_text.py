"""Text: grouped by endpoint, within the width of the terminal, and harmless to it."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from audit_tests.report.sample import NO_AUTH, REPORT, finding
from audit_tests.report.test_crossing import probe_of, tried
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.as_text import print_endpoints, print_report
from stormdoor_audit.report.finding import (
    CHECKS,
    Check,
    EndpointReport,
    Location,
    NotAnalysed,
    Report,
    Step,
    Verdict,
)
from stormdoor_audit.report.order import grouped


def printed(report: Report, *, width: int = 80, encoding: str = "utf-8") -> str:
    """Return the output without a terminal."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    out = Console(file=file, width=width, highlight=False, emoji=False, markup=False)
    print_report(report, out)
    print_endpoints(report, out)
    return raw.getvalue().decode(encoding)


def test_finding() -> None:
    """A finding has its place as a link, the line with a mark below it, the way, and the fix."""
    text = printed(REPORT)
    start = text.index("  error SD201 origin-disabled")
    lines = [line.rstrip() for line in text[start:].splitlines()[:13]]
    assert lines == [
        "  error SD201 origin-disabled",
        "    chat/base.py:11:9",
        "    check_origin() returns True for every origin; ChatSocket inherits it from",
        "    BaseSocket.",
        "",
        "    11 │ return True",
        "       │ ▔▔▔▔▔▔▔▔▔▔▔",
        "",
        "    way 1. ChatSocket has no check_origin() of its own  chat/handlers.py:14",
        "        2. BaseSocket is the next class in its order  chat/base.py:8",
        "        3. its check_origin() returns a constant  chat/base.py:11",
        "    fix Delete check_origin(): Tornado's own allows the same host only.",
        "",
    ]


def test_places_are_in_one_piece() -> None:
    """A place that does not fit beside its text stands below it whole: a terminal makes a link of it."""
    path = f"{'long_name/' * 6}handlers.py"
    steps = tuple(Step(Location(path, line), "something that matters") for line in (3, 9))
    verdict = Verdict("weak", "Asked only after the 101.", Location(path, 12))
    report = replace(
        REPORT,
        findings=(finding(NO_AUTH, "app.Doc", Location(path, 3), "Nothing.", steps=steps),),
        endpoints=(EndpointReport("app.Doc", Location(path, 1), (), {Check.ORIGIN: verdict}),),
    )
    for width in (40, 80):
        lines = {line.strip() for line in printed(report, width=width).splitlines()}
        assert lines >= {f"{path}:3", f"{path}:9", f"{path}:12"}


def test_a_way_that_only_names_the_place_again_is_left_out() -> None:
    """A single step at the place of the finding says nothing new."""
    here = Location("app.py", 3)
    said = finding(NO_AUTH, "app.Doc", here, "Nothing.", steps=(Step(here, "said again"),))
    assert "said again" not in printed(replace(REPORT, findings=(said,)))


def test_programs_that_share_a_name() -> None:
    """Two programs with a class of one name have a group each, with what is in their own file."""
    doors = [EndpointReport("app.Doc", Location(f"{one}/app.py", 1), (f"/{one}",)) for one in "ab"]
    said = [finding(NO_AUTH, "app.Doc", Location(f"{one}/app.py", 1), f"In {one}.") for one in "ab"]
    report = replace(REPORT, endpoints=tuple(doors), findings=tuple(said))
    groups = grouped(report)
    assert [(one.endpoint, one.findings) for one in groups] == [
        (door, (one,)) for door, one in zip(doors, said, strict=True)
    ]
    page = as_html(report)
    for one in re.findall(r'href="#(about-[^"]+)"', page):
        assert page.count(f'id="{one}"') == 1


def test_grouped_by_endpoint_worst_first() -> None:
    """The findings of a class are grouped below its paths and verdicts."""
    text = printed(REPORT)
    heads = [line.split(" ─")[0] for line in text.splitlines() if line.endswith("───")][:3]
    assert heads == ["chat.handlers.ChatSocket", "term.socket.TermSocket", "chat.server"]
    assert "chat/handlers.py:14  /ws/chat/(\\w+)  /ws/lobby" in text
    assert "✗ authentication   ✗ origin   ✗ authorization   ! validation   ✓ limits" in text


def test_summary_and_gaps() -> None:
    """The last lines say what was found, and what was not analysed."""
    text = printed(REPORT)
    assert "2 errors, 1 warning, 1 note; 1 suppressed by comment." in text
    assert "legacy/old.py  Python 2: line 3, print without parentheses" in text
    assert "plugins/load.py:22  routes come from a plugin" in text


def test_many_gaps_are_counted() -> None:
    """A long list is cut, and says so."""
    files = tuple(NotAnalysed(f"f{number}.py", "not UTF-8") for number in range(30))
    report = replace(REPORT, coverage=replace(REPORT.coverage, not_analysed=files))
    assert "… and 22 more: see --format json" in printed(report)


def test_nothing_found() -> None:
    """A clean report says so in one line."""
    clean = replace(REPORT, findings=(), suppressed=(), endpoints=())
    assert "No findings.\n" in printed(clean)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_width(width: int) -> None:
    """Nothing but places is wider than the terminal."""
    for line in printed(REPORT, width=width).splitlines():
        assert len(line.rstrip()) <= width or "/" in line


def test_ascii_terminal() -> None:
    """In an ASCII terminal, letters replace the signs."""
    text = printed(REPORT, encoding="ascii")
    assert "x authentication   x origin   x authorization   ! validation   + limits" in text
    assert "^^^^^^^^^^^" in text


@pytest.mark.parametrize(
    ("excerpt", "column", "end", "line", "mark"),
    [
        ("\tx = \u202e1", 2, 3, "x = \\u202e1", "▔"),
        ("a" * 500, 400, 410, "a" * 71 + "…", None),
        ("a\x1b[31mb", 1, 2, "a\\x1b[31mb", "▔"),
        ("    wide", 90, 95, "wide", None),
        ("", 1, 2, None, None),
    ],
)
def test_excerpt(excerpt: str, column: int, end: int, line: str | None, mark: str | None) -> None:
    """A line of code is shown cut, without anything that a terminal obeys."""
    where = Location("a.py", 7, column, 7, end, excerpt)
    text = printed(replace(REPORT, findings=(finding(NO_AUTH, "a.B", where, "m", fix=""),)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    lines = [one.rstrip() for one in text.splitlines()]
    if line is None:
        assert not any(one.startswith("    7 │") for one in lines)
        return
    at = next(number for number, one in enumerate(lines) if one.startswith("    7 │"))
    assert lines[at] == f"    7 │ {line}"
    assert lines[at + 1] == (f"      │ {mark}" if mark else "")


def test_a_question_that_was_not_tried_has_its_own_sign() -> None:
    """Not tried and not determined have two signs in the line of verdicts, also in ASCII."""
    report = probe_of(tried("SP101", "not-determined"), tried("SP201", "not-tried"))
    verdicts = dict.fromkeys(CHECKS, Verdict("unknown", ""))
    report = replace(
        report, endpoints=tuple(replace(one, verdicts=verdicts) for one in report.endpoints)
    )
    assert "? authentication   – origin   – authorization" in printed(report)
    assert "? authentication   - origin   - authorization" in printed(report, encoding="ascii")
