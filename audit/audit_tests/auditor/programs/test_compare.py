"""The comparison of two engines: agreement with the table, and each difference."""

from pathlib import Path

from audit_tests.auditor.programs.compare import Judged, agreement, differences, judge
from audit_tests.auditor.programs.table import Line, read_program, read_table
from audit_tests.auditor.sources import write
from audit_tests.project import REPOSITORY

DOOR = "app.py:app.Door"


def test_agreement_counts_each_expected_answer() -> None:
    """An answer among the expected ones agrees; another one is counted beside what was expected."""
    table = [
        Line("a/one", "authentication", frozenset({"late", "missing"}), "hand"),
        Line("a/one", "kind", frozenset({"skippable"}), "hand"),
        Line("a/one", "origin", frozenset({"default"}), "hand"),
    ]
    judged = {"a/one": Judged({DOOR: {"authentication": "missing", "origin": "guarded"}})}
    counted = agreement(judged, table)
    assert counted["authentication"] == {("missing", "missing"): 1, ("late", "missing"): 1}
    assert counted["origin"] == {("guarded", "guarded"): 1}


def test_each_difference_is_named() -> None:
    """Another answer, an endpoint that only one engine finds, and a gap of one engine are differences."""
    one = Judged({DOOR: {"authentication": "late", "origin": "open"}})
    other = Judged(
        {DOOR: {"authentication": "missing", "origin": "open"}}, ["crash: KeyError: 'x'"]
    )
    assert list(differences({"p": one}, {"p": one})) == []
    assert list(differences({"p": one}, {"p": other})) == [
        "p: not analysed by one: crash: KeyError: 'x'",
        f"p: {DOOR}: authentication: late | missing",
    ]
    assert len(list(differences({"p": one}, {"p": Judged({})}))) == 2


def test_the_engine_of_a_checkout_judges_programs(tmp_path: Path) -> None:
    """The present engine, in a process of its own, gives the answers that the table expects."""
    table = [one for one in read_table() if one.id.startswith("authentication/init-subclass")]
    folders = {one.id: tmp_path / one.id for one in table}
    for name, folder in folders.items():
        write(folder, read_program(name))
    judged = dict(zip(folders, judge(str(REPOSITORY), folders.values()), strict=True))
    counted = agreement(judged, table)["authentication"]
    assert counted.total() == len(table) > 1
    assert all(wanted == given for wanted, given in counted)
