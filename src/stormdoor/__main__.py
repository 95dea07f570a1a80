"""`python -m stormdoor` is the command `stormdoor`, of the Python that is named."""

from stormdoor.cli.main import main

__all__ = ["main"]

main()
