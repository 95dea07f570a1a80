"""Tables of commands: no word is broken, and ids are as short as they can be."""

from __future__ import annotations

import re

import pytest

from stormdoor.cli.known import short_ids
from stormdoor.cli.output import table

_COLUMNS = ["connection!", "principal", "from", "last seen (UTC)", "for!>"]
_ROW = ("9f8a7b6c", "operations", "127.0.0.1", "2026-11-24 16:44:40", "3 min")
_LONG = (*_ROW[:1], "operations@example.com", "2001:db8:85a3::8a2e:370:7334", *_ROW[3:])


@pytest.fixture(params=[60, 80, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The columns of the terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.mark.parametrize("rows", [[_ROW], [_LONG], [_ROW, _LONG, _LONG]])
def test_no_word_is_broken(
    width: int, rows: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each word of each cell stands in one line, and no line is longer than the terminal."""
    table(_COLUMNS, rows)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    words = re.split(r"\s+", out)
    for row in rows:
        for cell in row:
            assert set(cell.split()) <= set(words)


def test_rows_that_fit_stay_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row of usual length is one line; a cell with a space takes two lines before a row is a block."""
    monkeypatch.setenv("COLUMNS", "80")
    table(_COLUMNS, [_ROW, _ROW])
    assert len(capsys.readouterr().out.splitlines()) == 4
    table(_COLUMNS, [(*_ROW[:1], "operations@example.com", *_ROW[2:])])
    folded = capsys.readouterr().out.splitlines()
    assert "principal" in folded[1] or "principal" in folded[0]
    assert not folded[0].startswith("connection  9f8a7b6c")
    table(_COLUMNS, [_LONG])
    assert capsys.readouterr().out.startswith("connection       9f8a7b6c")


def test_an_unprintable_cell_moves_nothing(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A client chooses its name: wide characters and escapes keep each line within the terminal."""
    table(["principal", "with"], [("界" * 15, "\x1b[2J" + "x" * 10), ("", "\u202e")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_column_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    """It may have no word at all."""
    table(["", "policy"], [])
    table(["", "policy"], [("x", "one")])
    assert "one" in capsys.readouterr().out


def test_ids_are_short_and_unique() -> None:
    """They have eight characters, or as many as tell all of them apart."""
    assert short_ids(["a" * 24, "b" * 24]) == {"a" * 24: "a" * 8, "b" * 24: "b" * 8}
    near = ["a" * 12 + "b" * 12, "a" * 12 + "c" * 12]
    assert set(short_ids([*near, near[0]]).values()) == {"a" * 12 + "b", "a" * 12 + "c"}
    assert short_ids(["abc", "abcdefghi", "abcdefghij"]) == {
        "abc": "abc",
        "abcdefghi": "abcdefghi",
        "abcdefghij": "abcdefghij",
    }
    assert short_ids([]) == {}
