"""The page of a rule, wherever it is shown, and the prose that it is made of."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from audit_tests.report.sample import NO_AUTH, PING
from stormdoor_audit.report.cwe import cwe_name, cwe_url
from stormdoor_audit.report.finding import Location
from stormdoor_audit.report.html_text import prose, source
from stormdoor_audit.report.rule_page import markdown, plain
from stormdoor_audit.report.rule_text import print_page


def printed(rule: object, encoding: str = "utf-8") -> str:
    """Return the output of the terminal."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    print_page(rule, Console(file=file, width=80, highlight=False, markup=False))  # type: ignore[arg-type]
    return raw.getvalue().decode(encoding)


def test_terminal() -> None:
    """Everything that is known about the rule, in an order to read it."""
    text = printed(NO_AUTH)
    heads = ["What it finds", "Why it matters", "Example", "Instead", "Fix", "References"]
    places = [text.index(f"\n{head}\n") for head in heads]
    assert places == sorted(places)
    assert "# stormdoor: ignore[SD101] the reason" in text
    assert "CWE-306   Missing Authentication for Critical Function" in text
    assert "neither `prepare()` nor `get()`" in text


def test_code_in_prose_is_coloured() -> None:
    """In a terminal with colours, colours replace the backticks."""
    file = io.StringIO()
    out = Console(file=file, width=80, force_terminal=True, color_system="standard")
    print_page(NO_AUTH, out)
    assert "`" not in file.getvalue()
    assert "\x1b[36mprepare()\x1b[0m" in file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_rule_that_says_little(encoding: str) -> None:
    """A part that a rule lacks leaves no empty heading."""
    text = printed(replace(PING, title="\x1b[2J no ping"), encoding)
    assert "What it finds" not in text
    assert "\x1b" not in text
    assert plain(PING) == PING.title


def test_markdown() -> None:
    """The page for the documentation and for sites; without its title where those show it."""
    page = markdown(NO_AUTH)
    assert page.startswith("# SD101 missing-authentication: Nobody is asked")
    assert "```python\nclass Chat(WebSocketHandler):" in page
    assert (
        "- [CWE-306: Missing Authentication for Critical Function](https://cwe.mitre.org/" in page
    )
    assert not markdown(NO_AUTH, heading=False).startswith("#")


def test_weakness_without_a_name() -> None:
    """A number that is not in the list is its own name."""
    assert cwe_name(999999) == "CWE-999999"
    assert cwe_url(306).endswith("/306.html")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b<c` **d**", "<p>a <code>b&lt;c</code> <strong>d</strong></p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("- a\n- b `c`", "<ul><li>a</li><li>b <code>c</code></li></ul>"),
        ("x\n\n```python\na < b\n```\n\ny", "<p>x</p><pre><code>a &lt; b</code></pre><p>y</p>"),
        ("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#x27;</p>"),
        ("", ""),
    ],
)
def test_prose(text: str, html: str) -> None:
    """The little Markdown that rules are written in; everything else is text."""
    assert prose(text) == html


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (
            Location("a", 3, 5, 3, 8, "    a<b && c"),
            "<code><mark>a&lt;b</mark> &amp;&amp; c</code>",
        ),
        (Location("a", 3, 5, 4, 2, "    call("), "<code><mark>call(</mark></code>"),
        (Location("a", 3, 2, 3, 4, "\t\t\tx"), "<code>        x</code>"),
        (Location("a", 3, 1, 3, 2, "   "), None),
    ],
)
def test_source(where: Location, code: str | None) -> None:
    """The region of the finding is marked within its line."""
    shown = source(where)
    assert (code in shown) if code else shown == ""
