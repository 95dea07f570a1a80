"""`python -m stormdoor` runs the command `stormdoor` with this Python."""

from stormdoor.cli.main import main

__all__ = ["main"]

main()
