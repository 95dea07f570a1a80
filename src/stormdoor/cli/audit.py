"""`stormdoor scan` and `stormdoor probe` run the command of the package `stormdoor-audit`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from stormdoor.cli.usage import UsageError
from stormdoor.settings.installation import AUDIT_PACKAGE, install_command

__all__ = ["COMMANDS", "run_audit"]

COMMANDS = frozenset({"scan", "probe"})


def run_audit(arguments: Sequence[str]) -> int:
    """Run `stormdoor-audit` with these arguments and return its exit code.

    Args:
        arguments: The words after `stormdoor`; the first is in COMMANDS.

    Raises:
        UsageError: The package is not installed.
    """
    if find_spec("stormdoor_audit") is None:
        raise UsageError(
            f"{arguments[0]} is a command of the package stormdoor-audit, which is not installed here. "
            f"Install it from a clone, here or in another environment: {install_command(AUDIT_PACKAGE)}"
        )
    from stormdoor_audit.cli.main import run

    return run(arguments)
