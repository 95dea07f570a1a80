"""The commands of `stormdoor-audit`, with the text that `--help` prints above their options."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App, Parameter

__all__ = ["app"]

app = App(
    "stormdoor-audit",
    help="Find WebSocket endpoints of Tornado applications that an attacker can use.",
    version=lambda: f"stormdoor-audit {version('stormdoor-audit')}",
    help_format="plaintext",
    help_flags=["--help", "-h"],
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    # A flag has no negative form; the help text names the default where it matters.
    default_parameter=Parameter(negative="", show_default=False),
)

for _name, _help in (
    (
        "scan",
        (
            "Find missing and weak checks of the WebSocket handlers of a Tornado project.\n\n"
            "It reads the source code of any Tornado project, and runs none of it.\n\n"
            "  stormdoor-audit scan src                        open endpoints, and the fixes\n"
            "  stormdoor-audit scan src --endpoints            each endpoint and its five checks\n"
            "  stormdoor-audit scan src -o a.sarif -o a.html   for code scanning, and for a review\n"
            "  stormdoor-audit scan src --diff                 the safe fixes\n"
            "  stormdoor-audit scan terminado --python .venv   an installed package\n"
            "  stormdoor-audit scan --explain SD101            the page of a rule\n\n"
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
        (
            "Test what an unauthenticated client can do at a running WebSocket endpoint.\n\n"
            "It connects as an attacker would, and compares the messages that it receives with the "
            "owner's. It reads only, and this machine only, unless told otherwise.\n\n"
            "Unauthenticated, and as the owner, with a credential or by logging in:\n\n"
            "  stormdoor-audit probe ws://127.0.0.1:8888/chat\n"
            "  stormdoor-audit probe ws://127.0.0.1:8888/chat --cookie session=@FILE\n"
            "  stormdoor-audit probe URL --login http://127.0.0.1:8888/login \\\n"
            "      --field username=alice --field password=env:PASSWORD\n\n"
            "A host that you may probe; a message that is answered; its endpoints; who may do what:\n\n"
            "  stormdoor-audit probe wss://app.example/chat --authorized app.example\n"
            '  stormdoor-audit probe URL --say \'{"type":"list"}\' -o report.html\n'
            "  stormdoor-audit probe --discover http://127.0.0.1:8888/ --list\n"
            "  stormdoor-audit probe URL --identities who.toml --replay talk.har\n\n"
            "The page of a probe:\n\n"
            "  stormdoor-audit probe --explain SP101\n\n"
            "Secrets are written @FILE or env:NAME, so that they are in no list of processes. They are in "
            "no report.\n\n"
            "Exit status: 0 without findings; 1 with findings; 2 for wrong use, or if the owner did not get "
            "in; 3 if something could not be determined, unless --allow-not-determined is given; 70 for an "
            "internal error."
        ),
    ),
    ("completion", "Let the shell complete the commands."),
):
    # By name: a command is imported when it runs, so that --help does not import all of them.
    app.command(f"stormdoor_audit.cli.{_name}:app", name=_name, help=_help)
