"""The demo and its unguarded twin, scanned."""

from pathlib import Path

import pytest

from stormdoor.demo import twin
from stormdoor_audit.auditor.scanning.engine import scan


@pytest.mark.extended
def test_the_scan_finds_its_mistakes() -> None:
    """The twin is written as such servers are written: the scan names what is missing."""
    found = {finding.rule_id for finding in scan([Path(twin.__file__)]).findings}
    assert {"SD101", "SD201", "SD209"} <= found
