"""The demo, probed by its owner from the command line: a clean report, and nothing left open."""

import json
import shlex
from pathlib import Path

import pytest

from stormdoor_audit.cli.main import run
from tests.demo.running import Running, demo, installed

__all__ = ["demo", "installed"]


@pytest.mark.xdist_group("demo-prober")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/ws/chat", "alice"),
        pytest.param("/ws/dashboard", "ada", marks=pytest.mark.extended),
    ],
)
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


@pytest.mark.extended
@pytest.mark.xdist_group("demo-prober")
def test_as_everybody(
    demo: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command that the demo prints finds nothing, decides every check, and fills the access matrix."""
    monkeypatch.setenv("NO_COLOR", "1")
    [line] = [one for one in demo.output.splitlines() if one.startswith("Attack it")]
    program, *command = shlex.split(line.partition(": ")[2])
    assert Path(program).name == "stormdoor"
    out = tmp_path / "report.json"
    assert run([*command, "--fail-on", "note", "-o", str(out)]) == 0, capsys.readouterr().out
    [endpoint] = json.loads(out.read_text())["endpoints"]
    assert {name: one["state"] for name, one in endpoint["verdicts"].items()} == dict.fromkeys(
        ("authentication", "origin", "authorization", "validation", "limits"), "guarded"
    )
    assert {
        row["action"]: {one["identity"]: one["state"] for one in row["cells"]}
        for row in endpoint["matrix"]["rows"]
    } == {
        "say": {"alice": "allowed", "ada": "allowed", "eve": "refused", "nobody": "refused"},
        "announce": {"alice": "refused", "ada": "allowed", "eve": "refused", "nobody": "refused"},
    }
