"""Take the pictures of commands in a terminal: `python -m tests.docs.terminal`.

Each command runs for real, in a folder of its own. Its output is drawn as an SVG by rich.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.run.running import ECHO, answered, free_port
from tests.support.project import ROOT

__all__ = ["FOLDER", "NAMES", "take"]

FOLDER = ROOT / "docs" / "_static"
NAMES = ("terminal-run", "terminal-check", "terminal-probe", "terminal-demo")
_PATIENCE = 120.0
_COLUMNS = 100
_PROGRAM = """
async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
_PRICES = """
class Prices(Echo):
    def open(self):
        self.write_message('{"customer": "alice", "price": 1200}')


async def main():
    Application([("/prices", Prices)]).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
_CONFIG = """\
preset = "app"
origins = ["*"]

[limits]
conections = 10_000
"""


def take(name: str, folder: Path) -> Path:
    """Run the command of one picture, and draw its output.

    Args:
        name: One of `NAMES`.
        folder: Where the picture is written.

    Raises:
        RuntimeError: The command has not written its last line in time.
    """
    with tempfile.TemporaryDirectory() as place:
        shown, output = _TAKEN[name](Path(place))
        output = output.replace(place, "~")
    path = folder / f"{name}.svg"
    path.write_text(_draw(shown, output, name), "utf-8")
    return path


def _run(place: Path) -> tuple[str, str]:
    (place / "app.py").write_text(ECHO + _PROGRAM, "utf-8")
    command = ["run", "--store", f"sqlite:{place}/door.db", "--", sys.executable, "app.py"]
    with _started(command, place) as port:
        output = _until("password", place)
    return "stormdoor run -- python app.py", output.replace(str(port), "8888")


def _check(place: Path) -> tuple[str, str]:
    (place / "stormdoor.toml").write_text(_CONFIG, "utf-8")
    return "stormdoor check stormdoor.toml", _finished(["check", "stormdoor.toml"], place)


def _probe(place: Path) -> tuple[str, str]:
    (place / "app.py").write_text(ECHO + _PRICES, "utf-8")
    with _started([], place, "app.py") as port:
        end = time.monotonic() + _PATIENCE
        while answered(port) is None and time.monotonic() < end:
            time.sleep(0.1)
        output = _finished(["probe", f"ws://127.0.0.1:{port}/prices"], place)
    return "stormdoor probe ws://127.0.0.1:8888/prices", output.replace(str(port), "8888")


def _demo(place: Path) -> tuple[str, str]:
    port = free_port()
    command = ["demo", "--port", str(port), "--data", f"{place}/demo"]
    with _started(command, place):
        output = _until("ready http", place)
    return "make demo", output.replace(str(port), "8765")


_TAKEN = {
    "terminal-run": _run,
    "terminal-check": _check,
    "terminal-probe": _probe,
    "terminal-demo": _demo,
}


def _environment(port: int = 0) -> dict[str, str]:
    colours = {"FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS), "PORT": str(port)}
    return {**os.environ, **colours}


def _finished(command: list[str], place: Path) -> str:
    """Run a command to its end, and return its result."""
    done = subprocess.run(
        [sys.executable, "-m", "stormdoor", *command],
        cwd=place,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    return done.stdout


@contextmanager
def _started(command: list[str], place: Path, program: str = "") -> Iterator[int]:
    """Start a command, or a program without stormdoor, with its output in a file. Yield its port."""
    port = free_port()
    with (place / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *([program] if program else ["-m", "stormdoor", *command])],
            cwd=place,
            env=_environment(port),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(text: str, place: Path) -> str:
    """Wait until the output has a text, and return it."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        output = (place / "output.txt").read_text("utf-8")
        if text in output and output.endswith("\n"):
            return output
        time.sleep(0.1)
    raise RuntimeError(f"no {text!r} in the output")


def _draw(command: str, output: str, name: str) -> str:
    """Return the picture, with no address in it but that of the SVG format."""
    console = Console(
        record=True,
        width=_COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(Text.from_ansi(output.rstrip()))
    svg = console.export_svg(title="", unique_id=name)
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def main() -> int:
    """Take all, or those that the arguments name."""
    for name in sys.argv[1:] or NAMES:
        path = take(name, FOLDER)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
