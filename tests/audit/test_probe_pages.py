"""Each probe has its threat, its weakness and its place in the pages."""

import re

import pytest

from stormdoor_audit.prober.probes import PROBES
from tests.docs import tables
from tests.support.project import ROOT


@pytest.mark.parametrize("probe", PROBES, ids=lambda one: one.meta.slug)
def test_probe_belongs_to_a_threat(probe: object) -> None:
    """Each names a threat of the catalogue, a weakness and an item of ASVS."""
    meta = probe.meta  # type: ignore[attr-defined]
    assert meta.threat in {one["slug"] for one in tables.threats()}
    assert meta.cwe
    assert meta.asvs
    assert (ROOT / "docs" / "reference" / "threats" / f"{meta.threat}.md").is_file()


def test_every_probe_is_in_the_table_of_attempts() -> None:
    """The reference says which probe tries what, and forgets none."""
    page = (ROOT / "docs" / "reference" / "probe.md").read_text("utf-8")
    table = page.partition("## Probes by attempt\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"\bSP\d{3}\b", table))
    assert named == {one.meta.id for one in PROBES}
