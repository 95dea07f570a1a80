"""Measure the packages as they are installed: their size, their number, and the processor time of `--help`.

python bench/install.py
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.environments import build, install  # noqa: E402 - the path comes first
from tests.support.project import AUDIT  # noqa: E402

ROWS = {
    "`stormdoor`": ((ROOT,), ("stormdoor", "--help")),
    "`stormdoor-audit`": ((AUDIT,), ("stormdoor-audit", "scan", "--help")),
    "both": ((ROOT, AUDIT), ("stormdoor", "scan", "--help")),
}


def main() -> None:
    """Build and install each row in an environment of its own, and print the table."""
    print("| installed | MB | with bytecode | packages | `--help`, CPU-s |\n|---|--:|--:|--:|--:|")
    for name, (projects, command) in ROWS.items():
        with tempfile.TemporaryDirectory() as folder:
            wheels = [build(project, Path(folder)) for project in projects]
            made = install(Path(folder) / "env", wheels, compiled=True)
            sizes = f"{made.megabytes():.1f} | {made.megabytes(bytecode=True):.1f}"
            used = f"{made.cpu_seconds(*command):.3f}"
            print(f"| {name} | {sizes} | {len(made.packages())} | {used} (`{' '.join(command)}`) |")


if __name__ == "__main__":
    main()
