"""The table of the lab, row by row; and whether the auditor sees in its source what the attacks prove."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.harness.bout import Bout, Kind, Threat, fight, threats
from lab.harness.browser import Profiles
from lab.harness.target import Line, Outcome
from lab.report import page
from lab.run import main
from stormdoor_audit.auditor.rules import RULES
from stormdoor_audit.auditor.scanning.engine import scan

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = {threat.slug: threat for threat in threats()}
IN_A_BROWSER = [slug for slug, threat in CATALOGUE.items() if threat.needs_browser]
WITHOUT = [slug for slug in CATALOGUE if slug not in IN_A_BROWSER]

# Where the auditor and the attack disagree today. A listed pair must still disagree: the change that
# corrects the auditor removes the entry.
UNSEEN = {
    "client-side-only-checks": "the page with the check is a string in the server's module",
    "logic-error-in-authorization": "that an exception allows is not recognised",
    "privilege-escalation": "nothing in the program tells users apart: only its page does",
}
FALSE_ALARMS: dict[str, str] = {}


def _fought(chosen: Sequence[Threat]) -> list[Bout]:
    async def all_of_them() -> list[Bout]:
        async with Profiles() as profiles:
            return [await fight(threat, profiles) for threat in chosen]

    return asyncio.run(all_of_them())


@pytest.mark.sampled(16)
@pytest.mark.parametrize("slug", WITHOUT)
def test_a_row_of_the_table(slug: str) -> None:
    """The attack succeeds on the vulnerable server, fails on the guarded one, and the trail tells of it."""
    [bout] = _fought([CATALOGUE[slug]])
    assert bout.gaps == []


@pytest.mark.extended
@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_the_rows_that_need_a_browser(chromium: str) -> None:
    """Likewise, with the victim's browser and a page of the attacker's."""
    bouts = _fought([CATALOGUE[slug] for slug in IN_A_BROWSER])
    assert {bout.threat.slug: bout.gaps for bout in bouts if bout.gaps} == {}
    assert len(bouts) == len(IN_A_BROWSER)


def test_every_threat_is_in_the_lab() -> None:
    """Three servers, an attack and a page to read for each threat of the catalogue."""
    for threat in CATALOGUE.values():
        directory = ROOT / threat.package.replace(".", "/")
        assert threat.built, threat.slug
        assert (directory / "README.md").is_file(), threat.slug


def test_a_slug_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, and nothing is started."""
    assert main(["no-such-threat"]) == 2
    assert "no-such-threat" in capsys.readouterr().err


@pytest.mark.extended
def test_one_threat_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table with one row, no gap, and a report that refers to nothing elsewhere."""
    report = tmp_path / "report.html"
    assert main(["direct-connection", "--output", str(report)]) == 0
    assert "no gaps" in capsys.readouterr().out
    text = report.read_text()
    assert "Direct connection" in text
    assert "authn_login_fail" in text
    assert "src=" not in text
    assert "http-equiv" not in text


def test_a_gap_is_shown() -> None:
    """The report counts a threat that could not run as a gap, and escapes the text of a server."""
    threat = CATALOGUE["direct-connection"]
    text = page([threat], ["did not start <script>"], 1.0)
    assert "There are gaps: 1." in text
    assert "did not start &lt;script&gt;" in text
    outcome = Outcome(True, "<b>", (Line(0.0, "attacker", ">", "<i>"),))
    assert outcome.transcript[0].text == "<i>"


# -- the auditor --------------------------------------------------------------------------------------


def _found(slug: str, kind: Kind) -> set[str]:
    """`threat level` of each finding in that server, scanned alone: each is a program of its own."""
    report = scan([ROOT / f"lab/threats/{slug.replace('-', '_')}/{kind}.py"])
    return {f"{one.threat} {one.level}" for one in report.findings}


@pytest.mark.parametrize("slug", sorted({rule.meta.threat for rule in RULES} & set(CATALOGUE)))
def test_the_auditor_sees_the_hole(slug: str) -> None:
    """A rule of that very threat fires on the vulnerable server."""
    seen = any(one.startswith(f"{slug} ") for one in _found(slug, Kind.VULNERABLE))
    assert seen is (slug not in UNSEEN)


@pytest.mark.parametrize("slug", CATALOGUE)
def test_the_auditor_has_nothing_against_the_guarded_server(slug: str) -> None:
    """Neither an error nor a warning."""
    loud = {one for one in _found(slug, Kind.GUARDED) if not one.endswith(" note")}
    assert bool(loud) is (slug in FALSE_ALARMS), loud
