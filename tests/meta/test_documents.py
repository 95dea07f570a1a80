"""The documents keep up with the code."""

import re
import subprocess

import stormdoor
from tests.support.project import ROOT, metadata

REFERENCE = ROOT / "docs" / "reference"


def test_every_public_name_is_in_the_reference() -> None:
    """Each name of `stormdoor.__all__` stands as code, or is documented, in docs/reference."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in REFERENCE.rglob("*.md"))
    # `Guard`, `Guard(…)`, `Guard.from_config`, or a directive such as `{py:class} stormdoor.Guard`.
    documented = set(re.findall(r"`(?:stormdoor\.)?(\w+)", text))
    documented |= set(re.findall(r"\{\S+\} +(?:[\w.]+\.)?(\w+)", text))
    missing = sorted(set(getattr(stormdoor, "__all__", ())) - documented)
    assert not missing, f"not in docs/reference: {', '.join(missing)}"


def test_changelog_knows_this_version() -> None:
    """The changelog begins with Unreleased or this version, and each version with Security."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert headings[0] in {"Unreleased", metadata()["project"]["version"]}
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        [first, *_] = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert first == "Security", version.splitlines()[0]


def test_make_alone_lists_the_targets() -> None:
    """`make` without a target explains every target, and does nothing else."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    result = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make (\S+) +\w", result.stdout, re.MULTILINE))
    assert listed == phony


def test_documents_name_existing_targets() -> None:
    """Every `make something` in a document is a target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    written = re.compile(r"(?:`|^ {4})make ([a-z][a-z-]*)", re.MULTILINE)
    named = {name for page in pages for name in written.findall(page.read_text("utf-8"))}
    assert named
    assert named <= targets


def test_relative_links_lead_somewhere() -> None:
    """Every relative link in a document at the root leads to a file of the repository."""
    broken = [
        f"{page.name}: {target}"
        for page in ROOT.glob("*.md")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8"))
        if not (ROOT / target).exists()
    ]
    assert not broken


def _table_mistakes(text: str) -> list[str]:
    """Return the lines of tables that are no whole row, or have more or fewer cells than the header."""
    mistakes, cells, code = [], 0, False
    for line in text.splitlines():
        code ^= bool(re.match(r" *(```|~~~)", line))
        row = not code and line.startswith("|")
        if not row:
            cells = 0
            continue
        bare = re.sub(r"`[^`]*`", "", line.replace("\\|", ""))
        cells = cells or bare.count("|")
        if not line.endswith("|") or bare.count("|") != cells:
            mistakes.append(line)
    return mistakes


def test_tables_are_whole() -> None:
    """A row of a table is one line: a row that continues on the next line is shown as text."""
    assert _table_mistakes("| a | b |\n| --- | --- |\n| 1 | 2\n3 | | 4 | 5 |") == ["| 1 | 2"]
    assert _table_mistakes("| a |\n| --- |\n| `x|y` |\n\n| 1 | 2 |") == []
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = {
        page.relative_to(ROOT).as_posix(): mistakes
        for page in pages
        if (mistakes := _table_mistakes(page.read_text("utf-8")))
    }
    assert not found
