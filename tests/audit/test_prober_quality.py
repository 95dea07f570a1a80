"""The page about the quality of the prober is equal to the committed results; no program is started."""

import json

from audit_tests.prober.real.evaluate import CHECKS, MADE_UP, PAGE, UNSEEN
from audit_tests.prober.real.exit_statuses import ended
from audit_tests.prober.real.programs import cases
from audit_tests.prober.unseen.page import MARK, RUNS, counts, section


def test_the_page_is_about_these_cases() -> None:
    """Each case has its row, with the truth that is committed."""
    page = PAGE.read_text("utf-8")
    for case in cases():
        row = next(line for line in page.splitlines() if line.startswith(f"| {case.name} |"))
        assert f"{case.program} {case.version}" in row
        cells = [cell.strip() for cell in row.split("|")][3:6]
        said = ["open" if case.truth[check] else "closed" for check in CHECKS]
        assert [cell.split(" / ")[0] for cell in cells] == said


def test_the_page_shows_what_was_kept_of_the_runs() -> None:
    """The tables are made of the files, and today there is no false alarm where the owner was given."""
    tail = PAGE.read_text("utf-8").partition(MARK)[2]
    assert tail.startswith(f"\n\n{section()}\n")
    known = {one.name: one for one in cases(UNSEEN)}
    now = json.loads([*RUNS.values()][-1].read_text("utf-8"))
    for check in ("no-credential", "foreign-origin", MADE_UP):
        assert counts(now, known, check)[2] == 0, check
    assert [one.name for one in ended(now) if one.wrong] == []
