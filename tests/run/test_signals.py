"""`stormdoor run` beside a thread that was started before it, as tracers and profilers start one."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.run.running import PATIENCE, handshake, running, write

PYTHON = sys.executable

THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""

SERVER = """
import signal

def note(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        raise SystemExit(7)

async def main():
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    make().listen(PORT, "127.0.0.1")
    while True:
        await asyncio.sleep(0.05)

asyncio.run(main())
"""


def _write(folder: Path) -> str:
    """Write the server, and return a folder of a `sitecustomize.py` that starts a thread in each Python."""
    (folder / "tracer").mkdir()
    (folder / "tracer" / "sitecustomize.py").write_text(THREAD, "utf-8")
    write(folder, SERVER)
    return str(folder / "tracer")


def test_a_program_is_guarded_and_ended_beside_a_thread(tmp_path: Path) -> None:
    """Reports of the program end no supervisor, and signals reach the program once."""
    tracer = _write(tmp_path)
    with running(tmp_path, [PYTHON, "app.py"], PYTHONPATH=tracer) as run:
        run.wait_for("guarded")
        assert len(list(Path(f"/proc/{run.process.pid}/task").iterdir())) > 1
        assert handshake(run.port) == 401
        run.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + PATIENCE
        while "got SIGUSR1" not in run.output and time.monotonic() < end:
            time.sleep(0.05)
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 7
        assert run.output.count("got SIGUSR1") == 1
        assert run.output.count("got SIGTERM") == 1


@pytest.mark.parametrize("beside_a_thread", [False, True])
def test_a_key_of_the_terminal_reaches_the_program_once(
    tmp_path: Path, *, beside_a_thread: bool
) -> None:
    """The terminal sends SIGINT to the whole group, so `stormdoor run` does not send it again."""
    tracer = _write(tmp_path)
    ours = [PYTHON, "-m", "stormdoor", "run", "--json", "--store", "sqlite:door.db", "--"]
    variables = {**os.environ, "PORT": "0"}
    if beside_a_thread:
        variables["PYTHONPATH"] = tracer
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(PYTHON, [*ours, PYTHON, "app.py"], variables)  # noqa: S606 - no shell is meant
    output = b""

    def read_until(text: bytes) -> None:
        nonlocal output
        while text not in output:
            output += os.read(terminal, 4096)

    try:
        read_until(b'"guarded"')
        os.write(terminal, b"\x03")
        read_until(b"got SIGINT")
        time.sleep(0.5)  # a second one would come within a tick
    finally:
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 7
    assert output.count(b"got SIGINT") == 1
