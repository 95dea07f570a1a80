"""Reports name the weaknesses that rules and probes refer to."""

import pytest

from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.report.cwe import cwe_name, is_named

_METAS = (*(rule.meta for rule in RULES), *(probe.meta for probe in PROBES))
_NUMBERS = {meta.id: meta.cwe for meta in _METAS}


@pytest.mark.parametrize("id", _NUMBERS)
def test_each_weakness_has_a_name(id: str) -> None:
    """A report would print the number twice otherwise."""
    unnamed = [number for number in _NUMBERS[id] if not is_named(number)]
    assert not unnamed, "add their names to report/cwe.py"


def test_the_names_are_those_of_mitre() -> None:
    """Two weaknesses with similar names are kept apart."""
    assert cwe_name(1385) == "Missing Origin Validation in WebSockets"
    assert cwe_name(784) == f"{cwe_name(565)} in a Security Decision"
