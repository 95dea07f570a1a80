"""`--from-scan`: what the auditor reads in a program, said against that program while it runs."""

import sys
from pathlib import Path

import pytest

from stormdoor_audit.auditor.scanning.engine import scan
from stormdoor_audit.cli.main import run as command
from stormdoor_audit.prober.engine import Plan, run
from stormdoor_audit.prober.login import Login
from stormdoor_audit.report.as_json import as_json
from stormdoor_audit.report.crossing import crossed, read_scan
from tests.audit.test_lab import _twin
from tests.support.project import ROOT

# Only Linux tells what is still under way on a connection; elsewhere the seconds pass.
pytestmark = [pytest.mark.unhurried] if sys.platform == "linux" else []


async def test_the_same_scan_on_both_twins() -> None:
    """The open origin is confirmed on the vulnerable twin; on the guarded one it is refuted."""
    threat = "cross_site_websocket_hijacking"
    source = scan([ROOT / f"lab/threats/{threat}/vulnerable.py"])
    read = read_scan(as_json(source))
    for kind, expected in (("vulnerable", "confirmed"), ("guarded", "refuted")):
        async with _twin(threat, kind) as (port, module):
            [(name, password)] = module.USERS.items()
            fields = (("username", name), ("password", password))
            plan = Plan(
                urls=(f"ws://127.0.0.1:{port}/ws/chat",),
                login=Login(f"http://127.0.0.1:{port}/auth/login", fields, as_json=True),
                listen=0.2,
                per_second=200.0,
            )
            crossing = crossed(await run(plan), read).crossing
        assert crossing is not None
        assert crossing.pairs[0][1] == "vulnerable.Chat"
        standings = {one.finding.rule_id: one.standing for one in crossing.findings}
        assert [standings[rule] for rule in ("SD201", "SD209", "SD102")] == [expected] * 3
        assert standings["SD605"] == "untested"
        for one in crossing.findings:
            assert bool(one.transcript) is (one.standing != "untested")


def test_a_foreign_file_is_said_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 2, names the file, and has not tried the address, where nothing listens."""
    for text, said in (("{}", "no report of a scan"), ("<html>", "no JSON")):
        file = tmp_path / "scan.json"
        file.write_text(text)
        assert command(["probe", "--from-scan", str(file), "ws://127.0.0.1:1/ws"]) == 2
        assert said in capsys.readouterr().err
    assert command(["probe", "--from-scan", "nowhere.json", "ws://127.0.0.1:1/ws"]) == 2
    assert "cannot be read" in capsys.readouterr().err
