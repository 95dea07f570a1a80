"""A run that is ended in any way leaves no process behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.test_servers import programs
from tests.support.project import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.unmeasured,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans are found by a function of Linux"),
]

_BOUND_SECONDS = 20.0
"""Also on a busy machine; without load it takes less than a second."""
_WATCHED = """
import os, signal, subprocess, sys, time
from pathlib import Path
from tests.support.watchdog import watch
stopped = subprocess.Popen(["sleep", "600"], start_new_session=True)
os.kill(stopped.pid, signal.SIGSTOP)
watch(stopped.pid)
watch(Path(sys.argv[1]))
print("ready", flush=True)
time.sleep(600)
"""


def start(number: str, *command: str) -> subprocess.Popen[str]:
    """Start a command, which gets the signal when a line is written to the standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.orphans", number, str(_BOUND_SECONDS), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def end(running: subprocess.Popen[str]) -> None:
    """Let the command get the signal. None of its descendants may be left after it."""
    text, _ = running.communicate("\n", timeout=_BOUND_SECONDS + 60)
    assert running.returncode == 0, text
    assert "none left" in text


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_the_watchdog_ends_a_stopped_process_and_deletes_a_folder(
    number: str, tmp_path: Path
) -> None:
    """A process that is stopped cannot notice that its parent has ended."""
    folder = tmp_path / "data"
    (folder / "more").mkdir(parents=True)
    running = start(number, sys.executable, "-c", _WATCHED, str(folder))
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    end(running)
    assert not folder.exists()


@pytest.mark.extended
@pytest.mark.xdist_group("chaos-servers")
@pytest.mark.parametrize(
    ("number", "mode", "fault", "parent"),
    [
        ("SIGTERM", "sqlite", "stop_node", False),
        ("SIGKILL", "synchronous", "stop_node", False),
        ("SIGKILL", "synchronous", "stop_primary", False),
        ("SIGKILL", "sqlite", "stop_node", True),
    ],
    ids=["SIGTERM", "SIGKILL", "SIGKILL while a server is stopped", "SIGKILL of the parent"],
)
def test_a_run_that_is_ended_leaves_nothing(
    number: str, mode: str, fault: str, parent: bool
) -> None:
    """Nodes, servers and proxies end with the run, also while one of them is stopped."""
    if mode != "sqlite":
        programs()
    options = ["-m", "tests.chaos", "--with-parent", "--mode", mode, "--fault", fault]
    command = [sys.executable, *options]
    if parent:  # as make is
        command = ["sh", "-c", '"$@"; true', "sh", *command]
    running = start(number, *command)
    assert running.stdout is not None
    folder = Path(running.stdout.readline().split()[-1])
    history, until = folder / "faults.jsonl", time.monotonic() + 120
    while not (history.exists() and '"begin"' in history.read_text()):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.05)
    end(running)
