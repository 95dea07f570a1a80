"""The committed results of real programs are complete and equal to the page; no program is started."""

import json
from pathlib import Path

import pytest

from audit_tests.prober.real.evaluate import CHECKS, UNSEEN
from audit_tests.prober.real.exit_statuses import main as exit_statuses
from audit_tests.prober.real.programs import cases
from audit_tests.prober.unseen.page import RUNS


def test_every_case_is_whole() -> None:
    """A truth for each check, what each client got by hand, and where the start is documented."""
    for case in cases():
        assert case.truth.keys() == CHECKS.keys(), case.name
        assert case.facts.keys() == {"owner", "nobody", "foreign", "other_port"}, case.name
        assert case.documented, case.name
        for check, client in (("no-credential", "nobody"), ("foreign-origin", "foreign")):
            assert ("with data" in case.facts[client]) is case.truth[check], case.name


def test_every_unseen_case_is_whole() -> None:
    """The same of those that the prober was not made with; each belongs to one first sight."""
    *before, now = (json.loads(file.read_text("utf-8")) for file in RUNS.values())
    known = {one.name: one for one in cases(UNSEEN)}
    assert sum(map(len, before)) == len(set().union(*before))
    assert known.keys() == now.keys()
    assert now.keys() <= set().union(*before)
    for case in known.values():
        assert case.truth.keys() >= {"no-credential", "foreign-origin"}, case.name
        clients = {"owner", "nobody", "foreign", "other_port"}
        more = {"wrong": case.wrong, "in_address": case.address, "after_logout": case.logout}
        clients |= {name for name, wanted in more.items() if wanted}
        assert case.facts.keys() == clients, case.name
        if not case.guess:
            for check, client in (("no-credential", "nobody"), ("foreign-origin", "foreign")):
                assert ("with data" in case.facts[client]) is case.truth[check], case.name


def test_a_hole_with_status_zero_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program that states the exit statuses ends with 1 where a set-up with a hole ended with 0."""
    one = {"truth": {"no-credential": True}, "status": 0, "stranger_status": -1}
    file = tmp_path / "run.json"
    for status, expected in ((0, 1), (3, 0)):
        file.write_text(json.dumps({"a": {**one, "status": status}}), encoding="utf-8")
        assert exit_statuses([str(file)]) == expected
    assert "open by hand: no-credential" in capsys.readouterr().out
