"""The servers of the benchmarks start, and answer as the tables say: nothing else of the tests runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
SERVERS = sorted(one.name for one in BENCH.glob("*_server.py") if one.name != "hand_server.py")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", SERVERS)
def test_server_knows_its_options(name: str) -> None:
    """Each says what it can do; two options of one name would stop it before that."""
    run = subprocess.run(
        [sys.executable, str(BENCH / name), "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "--port" in run.stdout


def test_uvloop_is_for_each_server_in_python() -> None:
    """`run.py --uvloop` compares like with like: no server in Python stays on the other loop."""
    listing = (
        "import json, roster as r; print(json.dumps([r.on_uvloop(one).command for one in"
        " (*r.MESSAGES, *r.MEMORY, *r.BROADCAST, *(kind.server for kind in r.HANDSHAKES))]))"
    )
    commands = json.loads(subprocess.check_output([sys.executable, "-c", listing], cwd=BENCH))
    assert all(one.count("--uvloop") == ("{python}" in one) for one in commands)
    assert any(one.startswith("node") for one in commands)


@pytest.mark.extended
@pytest.mark.slow
def test_each_row_of_a_quick_benchmark_is_measured(tmp_path: Path) -> None:
    """Each request of `--quick` gets the status of its row; only rows of peers may be missing."""
    file = tmp_path / "bench.json"
    run = subprocess.run(
        [sys.executable, BENCH / "run.py", "--quick", "--rounds", "1", "--json", file],
        capture_output=True,
        text=True,
        check=False,
    )
    measured = json.loads(file.read_text())
    listing = (
        "import json, roster; print(json.dumps([one.name for one in roster.MESSAGES if one.peer]))"
    )
    peers = json.loads(subprocess.check_output([sys.executable, "-c", listing], cwd=BENCH))
    failures = {
        name: why
        for part in measured["failures"].values()
        for name, why in part.items()
        if name not in peers
    }
    assert failures == {}
    assert {"stormdoor, JWT cached", "refused: foreign origin"} <= set(
        measured["readings"]["handshakes"]
    )
    assert run.returncode == any(measured["failures"].values()), run.stderr
