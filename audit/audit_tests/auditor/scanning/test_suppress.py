"""Suppression by comment: which statement it is about, and that it must say why."""

from textwrap import dedent

import pytest

from stormdoor_audit.auditor.scanning.suppress import settle, suppressions_in
from stormdoor_audit.report.finding import Confidence, Finding, Level, Location

KNOWN = {"SD101": "missing-authentication", "SD201": "origin-disabled"}


def at(line: int, rule: str = "SD101") -> Finding:
    """A finding of this rule at this line of app.py."""
    place = Location("app.py", line, 1)
    return Finding(rule, KNOWN[rule], Level.ERROR, Confidence.HIGH, "m", place, "app.B")


def settled(
    text: str, *findings: Finding, ran: tuple[str, ...] = tuple(KNOWN)
) -> tuple[list[str], int]:
    """What is reported, as `rule:line`, and how much is suppressed."""
    result = settle(findings, suppressions_in(dedent(text), "app.py", "app"), ran=ran, known=KNOWN)
    return [f"{one.rule_id}:{one.location.line}" for one in result.findings], len(result.suppressed)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("class B(W):  # stormdoor: ignore[SD101] public\n    pass\n", 1),
        ("# stormdoor: ignore[SD101] public\nclass B(W):\n    pass\n", 2),
        ("# stormdoor: ignore[SD101] public\n# and more words\n\nclass B(W):\n    pass\n", 4),
        ("class B(\n    W,\n):  # stormdoor: ignore[SD101] public\n    pass\n", 1),
        ("class B(\n    W,  # stormdoor: ignore[SD101] public\n):\n    pass\n", 1),
        (
            "# stormdoor: ignore[SD101] public\n@route('/x')\n@more(\n  1)\nclass B(W):\n    pass\n",
            5,
        ),
        ("@route('/x')  # stormdoor: ignore[SD101] public\nclass B(W):\n    pass\n", 2),
        ("x = 1  # noqa: E501  # stormdoor: ignore[SD101] public\n", 1),
        ("x = 1; y = 2  # stormdoor: ignore[missing-authentication] public\n", 1),
        ("#stormdoor:ignore[sd101]: public\nx = 1\n", 2),
        ("x = 1  # stormdoor: ignore[SD201, SD101] public\n", 1),
        ("if x:\n    pass\n# stormdoor: ignore[SD101] public\nelse:\n    pass\n", 4),
    ],
)
def test_suppressed(text: str, line: int) -> None:
    """The comment is about the statement it stands in or above."""
    reported, quiet = settled(text, at(line), ran=("SD101",))
    assert (reported, quiet) == ([], 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("class B(W):  # stormdoor: ignore[SD101] public\n    pass\n", 2),
        ("x = 1\n# stormdoor: ignore[SD101] public\n", 1),
        ("# stormdoor: ignore[SD101] public\nx = 1\ny = 2\n", 3),
        ("s = '# stormdoor: ignore[SD101] public'\n", 1),
        ('"""\n# stormdoor: ignore[SD101] public\n"""\nx = 1\n', 4),
        ("x = 1  # write `# stormdoor: ignore[SD101] public`\n", 1),
        ("# stormdoor is not ignored here\nx = 1\n", 2),
        ("# stormdoor: ignored[SD101] public\nx = 1\n", 2),
        ("@route\n# stormdoor: ignore[SD101] public\nx = (\n", 2),
    ],
)
def test_not_suppressed(text: str, line: int) -> None:
    """It is about nothing else, and words in a string are no comment."""
    assert "SD101:" + str(line) in settled(text, at(line))[0]


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("# stormdoor: ignore[SD101]", "no reason"),
        ("# stormdoor: ignore[SD101]  : ", "no reason"),
        ("# stormdoor: ignore", "names no rule"),
        ("# stormdoor: ignore public", "names no rule"),
        ("# stormdoor: ignore[] public", "names no rule"),
        ("# stormdoor: ignore[SD999] public", "no rule 'SD999'"),
    ],
)
def test_invalid(comment: str, says: str) -> None:
    """Without a rule and a reason the finding stands, and the comment is a finding itself."""
    found = suppressions_in(f"x = 1  {comment}\n", "app.py", "app")
    result = settle([at(1)], found, ran=KNOWN, known=KNOWN)
    assert [one.rule_id for one in result.findings] == ["SD101", "SD002"]
    assert says in result.findings[1].message


def test_the_fix_names_the_rules_of_the_comment() -> None:
    """For a comment with rules and no reason, the fix repeats these rules."""
    found = suppressions_in("x = 1  # stormdoor: ignore[SD101, SD201]\n", "app.py", "app")
    fixes = [one.fix for one in settle([at(1)], found, ran=KNOWN, known=KNOWN).findings]
    assert fixes[1] == "Write `# stormdoor: ignore[SD101, SD201] the reason`."


def test_unused() -> None:
    """A comment that suppresses nothing is reported where it stands."""
    text = "x = 1\ny = 2  # stormdoor: ignore[SD101, SD201] both\n"
    assert settled(text) == (["SD001:2"], 0)
    found = suppressions_in(text, "app.py", "app")
    result = settle([at(2)], found, ran=KNOWN, known=KNOWN)
    assert result.findings[0].message == "Nothing is reported here by SD201."


def test_rule_that_did_not_run() -> None:
    """Whether a comment is needed is only known when its rule runs."""
    text = "x = 1  # stormdoor: ignore[SD101] public\n"
    assert settled(text, ran=("SD201",)) == ([], 0)


def test_reason_is_kept() -> None:
    """The report says why."""
    found = suppressions_in("x = 1  # stormdoor: ignore[SD101] the  proxy asks\n", "app.py")
    (quiet,) = settle([at(1)], found, ran=KNOWN, known=KNOWN).suppressed
    assert (quiet.reason, quiet.kind) == ("the  proxy asks", "comment")


def test_suppressions_cannot_be_suppressed() -> None:
    """The rules about comments are not among those that a comment may name."""
    found = suppressions_in("x = 1  # stormdoor: ignore[SD001] quiet\n", "app.py")
    known = KNOWN | {"SD001": "unused-suppression"}
    (one,) = settle([], found, ran=known, known=known).findings
    assert (one.rule_id, "no rule 'SD001'" in one.message) == ("SD002", True)


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.js", "if (!admin) return; // stormdoor: ignore[SD101] the server asks\n", 1),
        ("a.html", "<!-- stormdoor: ignore[SD101] the server asks -->\n<script>\n", 2),
        ("a.js", "/* stormdoor: ignore[SD101] the server asks */\nx()\n", 2),
    ],
)
def test_other_languages(path: str, text: str, line: int) -> None:
    """Scripts and pages have comments of their own."""
    (one,) = suppressions_in(text, path)
    assert one.first <= line <= one.last
    assert one.reason == "the server asks"


@pytest.mark.parametrize(
    "text", ["# stormdoor: ignore[SD101] x\n(", "\x00# stormdoor:", "  x\n # stormdoor: y"]
)
def test_no_python(text: str) -> None:
    """`suppressions_in` does not fail on any text."""
    suppressions_in(text, "app.py")
