"""The command `stormdoor`: its subcommands, and its exit codes.

Exit codes: 0 fine; 1 findings, nothing found, or a check that failed; 2 called or configured
wrongly; 3 the store does not answer, or stormdoor broke.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, Group, Parameter

from stormdoor.cli.usage import UsageError
from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable, StormdoorError

__all__ = ["app", "main", "run"]

DEBUG = "STORMDOOR_DEBUG"

_LOOK = Group.create_ordered("Understand")
_OPERATE = Group.create_ordered("Operate an installation")
_TRY = Group.create_ordered("Try and set up")
_ABOUT = Group.create_ordered("About this command")

app = App(
    "stormdoor",
    help="Authentication and authorisation for the WebSockets of a Tornado application.",
    version=lambda: f"stormdoor {version('stormdoor')}",
    help_format="plaintext",
    help_flags=["--help", "-h"],
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    # A flag has no negative form; the help text names the default where it matters.
    default_parameter=Parameter(negative="", show_default=False),
)

for _name, _group, _help in (
    (
        "check",
        _LOOK,
        (
            "Find mistakes and unsafe settings in a configuration file, with the line to write.\n\n"
            "Ends with 1 if it finds one."
        ),
    ),
    (
        "explain",
        _LOOK,
        (
            "Explain why a principal may or may not do an action, policy by policy.\n\n"
            "Ends with 0 if it may, and with 1 if it may not."
        ),
    ),
    (
        "scan",
        _LOOK,
        (
            "Find missing and weak checks of the WebSocket handlers of a Tornado project.\n\n"
            "It reads the source code of any Tornado project, and runs none of it.\n\n"
            "  stormdoor scan src                        open endpoints, and the fixes\n"
            "  stormdoor scan src --endpoints            each endpoint and its five checks\n"
            "  stormdoor scan src -o a.sarif -o a.html   for code scanning, and for a review\n"
            "  stormdoor scan src --diff                 the safe fixes\n"
            "  stormdoor scan terminado --python .venv   an installed package\n"
            "  stormdoor scan --explain SD101            the page of a rule\n\n"
            "Accept a finding with a comment that gives the reason:\n\n"
            "  # stormdoor: ignore[SD101] public: it only tells the time\n\n"
            "Exit status: 0 without findings; 1 with findings, or if a file or an endpoint was not "
            "analysed; 2 for wrong use; 70 for an internal error.\n\n"
            "An endpoint that needs more than --steps, and a file that cannot be parsed, are listed as not "
            "analysed; --allow-not-analysed accepts that."
        ),
    ),
    (
        "probe",
        _LOOK,
        (
            "Test what an unauthenticated client can do at a running WebSocket endpoint.\n\n"
            "It connects as an attacker would, and compares the messages that it receives with the "
            "owner's. It reads only, and this machine only, unless told otherwise.\n\n"
            "  stormdoor probe ws://127.0.0.1:8888/chat                        unauthenticated\n"
            "  stormdoor probe ws://127.0.0.1:8888/chat --cookie session=@FILE as its owner, too\n"
            "  stormdoor probe wss://app.example/chat --authorized app.example a host you may probe\n"
            "  stormdoor probe URL --login http://127.0.0.1:8888/login \\\n"
            "      --field username=alice --field password=env:PASSWORD        by logging in\n"
            '  stormdoor probe URL --say \'{"type":"list"}\' -o report.html    where answers tell\n'
            "  stormdoor probe --discover http://127.0.0.1:8888/ --list         where its sockets are\n"
            "  stormdoor probe URL --identities who.toml --replay talk.har      who may do what\n"
            "  stormdoor probe --explain SP101                                 what a probe is about\n\n"
            "Secrets are written @FILE or env:NAME, so that they are in no list of processes. They are in "
            "no report.\n\n"
            "Ends with 0 if there is nothing, with 1 if there are findings, with 2 if it was called "
            "wrongly or the owner did not get in, and with 3 if it broke. What could not be told is "
            "listed, and changes nothing."
        ),
    ),
    ("trail", _LOOK, "Show, verify, export and shorten the audit trail."),
    ("principals", _OPERATE, "List and manage principals: add, disable, password, attributes."),
    ("roles", _OPERATE, "Roles of principals: list, grant, withdraw."),
    ("keys", _OPERATE, "API keys of services and devices."),
    ("sessions", _OPERATE, "Logins: list and end."),
    ("factors", _OPERATE, "Second factors of principals: list and remove."),
    ("connections", _OPERATE, "Open sockets on all servers: list and close."),
    (
        "revoke",
        _OPERATE,
        "Revoke credentials that may have been stolen.\n\nCredentials that are issued afterwards are valid.",
    ),
    (
        "demo",
        _TRY,
        (
            "Start the demo: a chat and a live dashboard.\n\nThe first start makes principals with "
            "random passwords, and writes them to the data directory."
        ),
    ),
    ("completion", _TRY, "Let the shell complete the commands."),
):
    # By name: a command is imported when it runs, so that --help does not import all of them.
    app.command(f"stormdoor.cli.{_name}:app", name=_name, help=_help, group=_group)


for _name in ("--help", "--version"):
    app[_name].group = (_ABOUT,)


def _complain(message: str) -> None:
    """Print an error message on standard error."""
    from stormdoor.cli.output import clean

    text = "\n".join(clean(line) for line in message.splitlines()) or "an error without a message"
    sys.stderr.write(f"stormdoor: {text}\n")


def _code(error: Exception) -> int:
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
            # EX_SOFTWARE of sysexits.h: 3 means a probe without a verdict, or a store that does not answer.
            return 70


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never raises."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal cannot encode must not end the command.
            stream.reconfigure(errors="backslashreplace")
    try:
        given = sys.argv[1:] if arguments is None else arguments
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
            traceback.print_exc()
        known = isinstance(error, StormdoorError | UsageError | CycloptsError)
        message = str(error)
        if not known:
            message = f"{type(error).__name__}: {message} ({DEBUG}=1 shows where)"
        _complain(message)
        return _code(error)


def main() -> None:
    """The entry point of the script."""
    code = run()
    # Python runs the garbage collector again as it exits. A scan leaves millions of objects, which are
    # freed anyway.
    gc.freeze()
    sys.exit(code)
