"""The servers of the benchmarks start: nothing else of the tests runs them."""

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
