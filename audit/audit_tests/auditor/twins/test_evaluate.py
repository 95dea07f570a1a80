"""The table of the twins counts right, false and missed answers, and the record keeps them."""

import json
from pathlib import Path

import pytest

from audit_tests.auditor.twins.evaluate import called_safe, main, rows_of
from audit_tests.auditor.twins.pair import CASES, SIDES, Pair, Side, read_pairs
from audit_tests.auditor.twins.scanned import Answers

HOLE = "missing authorization"


def pair(name: str, *, expected: frozenset[str] = frozenset({HOLE})) -> Pair:
    """Make a pair with a hole in the broken twin."""
    nothing: frozenset[str] = frozenset()
    return Pair(
        name=name,
        folder=CASES,
        batch=1,
        application="chat",
        style="sync",
        file="app.py",
        guarded="a",
        broken="b",
        expected={"guarded": nothing, "broken": expected},
        allowed={"guarded": nothing, "broken": nothing},
        attack="A client reads a room.",
    )


def answers(*reported: str, guarded: str = "") -> Answers:
    """Make answers without places."""
    return Answers(frozenset(reported), (), frozenset({guarded} - {""}))


def test_each_kind_of_answer_is_counted() -> None:
    """One pair is told apart, one is reported twice, one is missed."""
    pairs = [pair("apart"), pair("both"), pair("missed")]
    said: dict[str, tuple[Answers, Answers]] = {
        "apart": (answers(), answers(HOLE)),
        "both": (answers(HOLE), answers(HOLE)),
        "missed": (answers(), answers(guarded="authorization")),
    }
    scanned: dict[tuple[str, Side], Answers] = {
        (name, side): said[name][number] for name in said for number, side in enumerate(SIDES)
    }
    row = next(row for row in rows_of(pairs, scanned) if row.question == HOLE)
    assert row.cells == (HOLE, "0.67 (2 of 3)", "0.67 (2 of 3)", "1", "0", "1 of 3")
    assert called_safe(pairs, scanned) == ["missed (broken): authorization"]


def test_an_open_door_counts_under_any_name() -> None:
    """Late in place of missing is a wrong name, but the open door is found."""
    pairs = [pair("late", expected=frozenset({"missing authentication"}))]
    scanned: dict[tuple[str, Side], Answers] = {
        ("late", "guarded"): answers(),
        ("late", "broken"): answers("late authentication"),
    }
    rows = {row.question: row for row in rows_of(pairs, scanned)}
    assert rows["missing authentication"].missed == 1
    assert rows["late authentication"].false_at_broken == 1
    assert rows["open door (any of the three)"].found == 1


def test_the_record_holds_the_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One pair elsewhere is scanned, printed and recorded."""
    one = next(each for each in read_pairs() if each.name == "logs_no_token")
    folder = tmp_path / "cases" / one.name
    folder.mkdir(parents=True)
    for path in one.folder.iterdir():
        (folder / path.name).write_text(path.read_text())
    record = tmp_path / "record.json"
    assert main(["--cases", str(folder.parent), "--record", str(record), "--code", "abc"]) == 0
    assert "| missing authentication | 1.00 (1 of 1) |" in capsys.readouterr().out
    kept = json.loads(record.read_text())
    assert (kept["code"], kept["pairs"]) == ("abc", 1)
    assert kept["findings"]["logs_no_token (broken)"][0].startswith("SD101 tail.py:")


def test_a_label_with_an_unknown_question_is_refused(tmp_path: Path) -> None:
    """A misspelt question would silently expect nothing."""
    folder = tmp_path / "one"
    folder.mkdir()
    label = (CASES / "logs_no_token" / "label.toml").read_text()
    (folder / "label.toml").write_text(label.replace("missing auth", "mising auth"))
    with pytest.raises(ValueError, match="mising authentication"):
        list(read_pairs(tmp_path))
