"""The command `stormdoor`: its subcommands, and its exit codes.

Exit codes: 0 fine; 1 findings, nothing found, or a check that failed; 2 called or configured
wrongly; 3 the store does not answer; 70 an internal error.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from stormdoor.cli import audit
from stormdoor.cli.stored_help import stored_help
from stormdoor.cli.usage import UsageError
from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable, StormdoorError

__all__ = ["exit_status", "main", "run"]

DEBUG = "STORMDOOR_DEBUG"

_INTERNAL = 70
"""EX_SOFTWARE of sysexits.h: 3 means that the store does not answer."""


def _complain(message: str) -> None:
    """Print an error message on standard error."""
    from stormdoor.cli.output import clean, folded

    said = f"stormdoor: {message or 'an error without a message'}"
    lines = [clean(line) for line in said.splitlines()]
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        lines = [folded(line, width) for line in lines]
    sys.stderr.write("\n".join(lines) + "\n")


def exit_status(error: Exception) -> int:
    """Return the exit status for an error."""
    from cyclopts import CycloptsError

    match error:
        case CycloptsError() | UsageError() | ConfigurationError():
            return 2
        case StoreUnavailable():
            return 3
        case StoreError():
            return 1
        case StormdoorError():
            return 2
        case _:
            return _INTERNAL


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never raises."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot encode must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if given and given[0] in audit.COMMANDS:
            return audit.run_audit(given)
        if page := stored_help(given):
            sys.stdout.write(page)
            return 0
        from stormdoor.cli.app import app

        code = app(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has closed it. Python must not try to write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last place where it can become a sentence
        if os.environ.get(DEBUG):
            import traceback

            traceback.print_exc()
        code = exit_status(error)
        message = str(error)
        if code == _INTERNAL:
            message = f"{type(error).__name__}: {message} ({DEBUG}=1 shows where)"
        _complain(message)
        return code


def main() -> None:
    """The entry point of the script."""
    code = run()
    # Python runs the garbage collector again as it exits. A scan leaves millions of objects, which are
    # freed anyway.
    gc.freeze()
    sys.exit(code)
