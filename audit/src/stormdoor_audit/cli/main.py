"""The command `stormdoor-audit`: its subcommands, and its exit codes.

`stormdoor scan` and `stormdoor probe` call `run`, too.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from stormdoor_audit.cli.stored_help import stored_help

__all__ = ["main", "run"]

DEBUG = "STORMDOOR_DEBUG"


def _complain(message: str) -> None:
    """Print an error as one sentence on standard error."""
    from stormdoor_audit.cli.output import clean

    text = "\n".join(clean(line) for line in message.splitlines()) or "an error without a message"
    sys.stderr.write(f"stormdoor-audit: {text}\n")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never raises.

    Returns:
        0 fine; 1 findings, or a place that was not analysed; 2 called wrongly; 3 a probe that could not tell;
        70 (EX_SOFTWARE of sysexits.h) for an internal error; 130 if interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot encode must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        given = sys.argv[1:] if arguments is None else arguments
        if page := stored_help(given):
            sys.stdout.write(page)
            return 0
        from stormdoor_audit.cli.app import app

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
        from cyclopts import CycloptsError

        from stormdoor_audit.cli.usage import UsageError

        if os.environ.get(DEBUG):
            import traceback

            traceback.print_exc()
        if isinstance(error, UsageError | CycloptsError):
            _complain(str(error))
            return 2
        _complain(f"{type(error).__name__}: {error} ({DEBUG}=1 shows where)")
        return 70


def main() -> None:
    """The entry point of the script."""
    code = run()
    # Python runs the garbage collector again as it exits. A scan leaves millions of objects, which are
    # freed anyway.
    gc.freeze()
    sys.exit(code)
