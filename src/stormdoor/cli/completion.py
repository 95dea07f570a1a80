"""`stormdoor completion`: completion of commands and options in the shell."""

from __future__ import annotations

import sys
from typing import Literal

from cyclopts import App

__all__ = ["app"]

app = App(name="completion", help_format="markdown")

Shell = Literal["bash", "zsh", "fish"]


@app.default
def completion(shell: Shell | None = None, /, *, install: bool = False) -> int:
    """Print the completion script for a shell, or install it for the current user.

    Args:
        shell: Name of the shell; by default the one that runs this.
        install: Install the script for the shell, instead of printing it.
    """
    from stormdoor.cli.app import app as whole
    from stormdoor.cli.output import remark

    if install:
        path = whole.install_completion(shell=shell)
        remark(f"The completion is in {path}; it works in the next shell that you open.")
        return 0
    sys.stdout.write(whole.generate_completion(shell=shell))
    return 0
