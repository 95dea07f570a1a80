"""The commands of `stormdoor`, with the text that `--help` prints above their options."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App, Group, Parameter

__all__ = ["app"]

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
    ("trail", _LOOK, "Show, verify, export and shorten the audit trail."),
    ("principals", _OPERATE, "List and manage principals: add, disable, password, attributes."),
    ("roles", _OPERATE, "Roles of principals: list, grant, withdraw."),
    ("keys", _OPERATE, "API keys of services and devices."),
    ("sessions", _OPERATE, "Logins: list and end."),
    ("factors", _OPERATE, "Second factors of principals: list and remove."),
    ("connections", _OPERATE, "Open sockets on all servers: list and close."),
    ("nodes", _OPERATE, "List the processes that serve, and the guarantee about revocations."),
    ("store", _OPERATE, "Copy the store of an installation from SQLite to PostgreSQL."),
    ("migrate", _OPERATE, "The schema of a store on PostgreSQL: plan, apply and verify."),
    (
        "revoke",
        _OPERATE,
        "Revoke credentials that may have been stolen.\n\nCredentials that are issued afterwards are valid.",
    ),
    (
        "run",
        _OPERATE,
        (
            "Start a program, and guard every Tornado application in it before it listens.\n\n"
            "It changes no file: stormdoor run -- jupyter lab"
        ),
    ),
    (
        "serve",
        _OPERATE,
        (
            "Serve a guarded application with several processes on one port.\n\n"
            "SIGTERM drains and ends them, SIGHUP replaces them one by one."
        ),
    ),
    (
        "demo",
        _TRY,
        (
            "Start the demo: a chat and a live dashboard.\n\nThe first start makes principals with "
            "random passwords, and writes them to the data directory."
        ),
    ),
    ("preset", _TRY, "Presets for known applications: list them, and print one as TOML."),
    ("completion", _TRY, "Let the shell complete the commands."),
):
    # By name: a command is imported when it runs, so that --help does not import all of them.
    app.command(f"stormdoor.cli.{_name}:app", name=_name, help=_help, group=_group)

# Only listed here: `run` hands them to stormdoor-audit.
for _name, _help in (
    ("scan", "Find missing and weak checks of the WebSocket handlers of a Tornado project."),
    ("probe", "Test what an unauthenticated client can do at a running WebSocket endpoint."),
):
    app.command(App(_name, help=_help, group=_LOOK))


for _name in ("--help", "--version"):
    app[_name].group = (_ABOUT,)
