"""HTML: one file, in which nothing of the code that was read can run or load."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from audit_tests.report.sample import NO_AUTH, REPORT, finding
from stormdoor_audit.report.access import AccessCell, AccessMatrix, AccessRow
from stormdoor_audit.report.as_html import as_html
from stormdoor_audit.report.finding import CHECKS, Coverage, Location, Report
from stormdoor_audit.report.html_text import evidence, inline

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&`x`"


class Page(HTMLParser):
    """The tags of a document, whether they nest, and its text."""

    VOID = frozenset({"meta", "input", "br", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.errors: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.errors.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def evil() -> Report:
    """Every text that comes from the code that is read is hostile."""
    odd = finding(
        NO_AUTH,
        EVIL,
        Location(f"{EVIL}.py", 1, excerpt=EVIL),
        EVIL,
        endpoint=EVIL,
        fix=EVIL,
        slug=EVIL,
    )
    endpoint = replace(REPORT.endpoints[0], subject=EVIL, paths=(EVIL, "\udcff"))
    return replace(REPORT, findings=(odd,), endpoints=(endpoint,), roots=(EVIL,))


EMPTY = Report("stormdoor scan", "0.1.0", "2026-11-24T20:41:07Z", 0.0, (".",))


@pytest.mark.parametrize("report", [REPORT, EMPTY, evil()], ids=["full", "empty", "evil"])
def test_well_formed_and_self_contained(report: Report) -> None:
    """Tags nest; there is one script and one style; nothing is loaded."""
    page = Page(as_html(report))
    assert (page.errors, page.open) == ([], [])
    names = [tag for tag, _ in page.tags]
    assert (names.count("script"), names.count("style")) == (1, 1)
    assert not {"img", "link", "iframe", "object", "base"} & set(names)
    for _, attributes in page.tags:
        assert "src" not in attributes
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "https://cwe.mitre.org/"))


def test_policy_allows_only_what_is_in_it() -> None:
    """The policy of the document names hashes, and no `unsafe-`."""
    page = Page(as_html(REPORT))
    (policy,) = [
        one["content"] or "" for tag, one in page.tags if tag == "meta" and "http-equiv" in one
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_hostile_text_is_shown() -> None:
    """Hostile text appears as text."""
    page = Page(as_html(evil()))
    assert page.text.count(EVIL) >= 5


def test_table_has_every_verdict() -> None:
    """Each handler has a row, each row the five verdicts."""
    document = as_html(REPORT)
    (table,) = re.findall(r"<tbody>(.*?)</tbody>", document, re.DOTALL)
    rows = table.split("<tr ")[1:]
    assert len(rows) == len(REPORT.endpoints)
    for row in rows:
        for check in CHECKS:
            assert f'<span class="check">{check.capitalize()}</span>' in row
    assert "Tornado&#x27;s own check: the same host." in table


def test_links_inside_lead_somewhere() -> None:
    """The link from an endpoint to its findings has a target."""
    page = Page(as_html(REPORT))
    targets = {one["id"] for _, one in page.tags if "id" in one}
    links = {href[1:] for _, one in page.tags if (href := one.get("href") or "").startswith("#")}
    assert links
    assert links <= targets


def test_evidence_fits_its_column() -> None:
    """Of many sentences two are shown and the others are folded away, none of them lost."""
    said = "One is so. Two is `so`. Three is so. Four is so."
    text = evidence(said)
    assert text.startswith("<p>One is so. Two is <code>so</code>.</p><details><summary>2 more<")
    assert "Three is so. Four is so." in text
    assert "<details" not in evidence("One is so. Two is so. Three is so.")


def test_options_are_not_broken() -> None:
    """An option is code wherever it stands, and no line breaks at its hyphens."""
    assert inline("give --active, or `a --safe b`") == (
        'give <code class="short">--active</code>, or <code>a --safe b</code>'
    )


def test_many_roots() -> None:
    """A heading names a few of the places that were scanned, and how many more there are."""
    page = as_html(replace(REPORT, roots=tuple(f"{number}.py" for number in range(9))))
    assert "<h1>0.py, 1.py, 2.py and 6 more</h1>" in page


def test_a_cell_that_was_not_told_is_a_doubt() -> None:
    """The page shows a doubt for an unknown cell, and never says that no doubt remains."""
    cells = (AccessCell("alice", "allowed"), AccessCell("bob", "unknown", "bob was not heard"))

    def page(of: tuple[AccessCell, ...]) -> str:
        row = AccessRow("read", "", reads=True, cells=of)
        matrix = AccessMatrix(tuple(one.identity for one in of), (row,))
        endpoint = replace(REPORT.endpoints[0], matrix=matrix)
        coverage = Coverage(connections=3)
        return as_html(replace(REPORT, endpoints=(endpoint,), coverage=coverage, suppressed=()))

    assert "not determined" not in page(cells[:1])
    assert "1 cell of who may do what not determined" in page(cells)
    assert "<b>read</b> by bob: bob was not heard" in page(cells)
