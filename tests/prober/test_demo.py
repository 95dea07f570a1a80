"""The demo, probed by its owner from the command line: a clean report, and nothing left open."""

import json
from pathlib import Path

import pytest

from stormdoor.cli.main import run
from tests.demo.running import Running, demo, installed

__all__ = ["demo", "installed"]


@pytest.mark.xdist_group("demo-prober")
@pytest.mark.parametrize(("path", "name"), [("/ws/chat", "alice"), ("/ws/dashboard", "ada")])
def test_demo_is_clean(
    demo: Running, path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No finding as a stranger and as an owner, with a logout."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PASSWORD", demo.password(name))
    base, out = f"127.0.0.1:{demo.port}", tmp_path / "report.json"
    as_owner = ["--login", f"http://{base}/auth/login", "--login-json", "--logout", "/auth/logout"]
    as_owner += ["--field", f"username={name}", "--field", "password=env:PASSWORD"]
    command = [
        "probe",
        f"ws://{base}{path}",
        "--listen",
        "0.4",
        "--fail-on",
        "note",
        "-o",
        str(out),
    ]
    assert run(command) == 0
    assert run([*command, *as_owner]) == 0
    report = json.loads(out.read_text())
    assert report["findings"] == []
    assert report["coverage"]["unresolved"] == []
    verdicts = report["endpoints"][0]["verdicts"]
    assert verdicts["authentication"]["state"] == verdicts["origin"]["state"] == "guarded"
