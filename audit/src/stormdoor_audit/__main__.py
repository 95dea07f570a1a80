"""`python -m stormdoor_audit` runs the command `stormdoor-audit` with this Python."""

from stormdoor_audit.cli.main import main

__all__ = ["main"]

main()
