"""The present engine answers each question of the table as expected."""

from pathlib import Path

import pytest

from audit_tests.auditor.programs.table import (
    ANSWERS,
    AUTHORS,
    FOLDER,
    endpoint_of,
    lines_of,
    read_groups,
    read_program,
    read_table,
    sampled,
)

BLOCKING = {name: line for name, line in lines_of(*ANSWERS).items() if line.author == "hand"}
NOT_YET = {
    name: [pytest.mark.xfail(strict=True, reason=line.not_yet)]
    for name, line in BLOCKING.items()
    if line.not_yet
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=NOT_YET.get(name, [])) for name in sampled(BLOCKING)]
)
def test_the_answer_is_the_expected_one(name: str, tmp_path: Path) -> None:
    """An expectation of the table that a person wrote holds, unless the table says why not yet."""
    line = BLOCKING[name]
    endpoint = endpoint_of(tmp_path, read_program(line.id))
    assert ANSWERS[line.question](endpoint) in line.expected


def test_each_program_has_a_line_and_each_line_a_program() -> None:
    """No program of the folder is left out of the table."""
    programs = {
        one.relative_to(FOLDER).with_suffix("").as_posix() for one in FOLDER.rglob("*.program")
    }
    assert programs == {line.id for line in read_table()}
    assert {line.group for line in read_table()} == set(read_groups())


def test_each_line_is_complete() -> None:
    """A line asks a known question once, names its author, and its program has a file."""
    table = read_table()
    assert {line.author for line in table} <= AUTHORS
    assert {line.question for line in table} == set(ANSWERS)
    assert len({(line.id, line.question) for line in table}) == len(table)
    assert all(line.expected and "" not in line.expected for line in table)
    assert all(read_program(line.id) for line in table)
