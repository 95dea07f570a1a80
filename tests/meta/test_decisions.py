"""The index of the decision records is complete, and agrees with the marks of the records."""

import re
from pathlib import Path

import pytest

from tests.support.project import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "index.md").read_text("utf-8")

_LINE = re.compile(r"^- \[(\d{4})\]\((\S+)\): (.+)$", re.MULTILINE)
_MARK = re.compile(r"^(Replaced|Partly replaced) by (.+)\.$")
_LINK = re.compile(r"\[(\d{4})\]\((\S+?)\): ")


def _mark(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Return the word of the mark below the title, and the later records with their files."""
    found = _MARK.match(text.split("\n\n")[1].replace("\n", " "))
    return (found[1], _LINK.findall(found[2])) if found else None


def test_each_record_is_in_exactly_one_group() -> None:
    """A new record gets a line in one group of the index; each line leads to its record."""
    before_the_first_group, *groups = re.split(r"^## .+$", INDEX, flags=re.MULTILINE)
    assert not _LINE.findall(before_the_first_group)
    listed = [file for group in groups for _, file, _ in _LINE.findall(group)]
    assert sorted(listed) == [record.name for record in RECORDS]
    assert all(file.startswith(number) for number, file, _ in _LINE.findall(INDEX))
    for group in groups:
        numbers = [number for number, _, _ in _LINE.findall(group)]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_each_mark_names_later_records(record: Path) -> None:
    """A mark below the title names existing later records, and the index has the same numbers."""
    [line] = [text for number, _, text in _LINE.findall(INDEX) if number == record.name[:4]]
    mark = _mark(record.read_text("utf-8"))
    if mark is None:
        assert "eplaced by" not in line
        return
    word, later = mark
    assert later
    for number, file in later:
        assert file.startswith(f"{number}-")
        assert (FOLDER / file).exists()
        assert number > record.name[:4]
    assert line.endswith(f" *{word} by {', '.join(number for number, _ in later)}.*")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_record_that_replaces_another_one_is_named_there(record: Path) -> None:
    """A sentence that replaces or overrules an earlier record has its mark in that record."""
    text = re.sub(r"\s+", " ", re.sub(r"\(see [^)]*\)\)?", "", record.read_text("utf-8")))
    sentences = re.findall(r"[^.]*\b(?:[Rr]eplaces|overrules)\b.*?\.(?= |$)", text)
    for sentence in sentences:
        for number in re.findall(r"\]\((\d{4})-", sentence):
            if number < record.name[:4]:
                mark = _mark(next(FOLDER.glob(f"{number}-*")).read_text("utf-8"))
                assert mark, number
                assert record.name[:4] in [later for later, _ in mark[1]], number
