"""`python -m tests.world.lock [NAME…]`: lock the requirements of the applications, with stormdoor's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.world.environment import REQUIREMENTS, ROOT, oldest_python

__all__ = ["main"]


def main() -> None:
    """Write `NAME.txt` for each `NAME.in`, or for those on the command line."""
    uv = Path(sys.executable).with_name("uv")
    for name in sys.argv[1:] or sorted(one.stem for one in REQUIREMENTS.glob("*.in")):
        command = [
            str(uv),
            "pip",
            "compile",
            "--quiet",
            "--universal",
            f"--python-version={oldest_python(name)}",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--upgrade",
            f"--output-file=tests/world/requirements/{name}.txt",
            "pyproject.toml",
            f"tests/world/requirements/{name}.in",
        ]
        told = {**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make world-lock"}
        subprocess.run(command, cwd=ROOT, env=told, check=True)


if __name__ == "__main__":
    main()
