"""Whole programs of several files, in the styles of real ones: what becomes of the one endpoint in each."""

from pathlib import Path

import pytest

from audit_tests.auditor.sampling import chosen
from audit_tests.auditor.sources import scene_of
from audit_tests.auditor.variants import (
    programs_of_actions,
    programs_of_answers,
    programs_of_dialogues,
    programs_of_fronts,
    programs_of_logins,
    programs_of_protocols,
    programs_of_services,
    programs_of_settings,
    programs_of_tables,
    programs_of_visitors,
)

ALL = chosen(
    programs_of_actions.PROGRAMS,
    programs_of_answers.PROGRAMS,
    programs_of_dialogues.PROGRAMS,
    programs_of_fronts.PROGRAMS,
    programs_of_logins.PROGRAMS,
    programs_of_protocols.PROGRAMS,
    programs_of_services.PROGRAMS,
    programs_of_settings.PROGRAMS,
    programs_of_tables.PROGRAMS,
    programs_of_visitors.PROGRAMS,
)


@pytest.mark.parametrize("name", ALL)
def test_what_a_program_lets_in(name: str, tmp_path: Path) -> None:
    """The kind of the verdict, and not only whether it is late: a log-in that can be left out is another."""
    kinds, files = ALL[name]
    (endpoint,) = scene_of(tmp_path, files).endpoints
    assert endpoint.authentication.kind in kinds.split("|")
