"""The commands of `stormdoor`, with the text that `--help` prints above their options."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App, Group, Parameter

__all__ = ["app"]

_GUARD = Group.create_ordered("Guard an application")
_LOOK = Group.create_ordered("Understand")
_OPERATE = Group.create_ordered("Operate an installation")
_TRY = Group.create_ordered("Try and set up")
_ABOUT = Group.create_ordered("About this command")


def _paragraphs(text: str) -> str:
    """Return the text with each paragraph on one line: the help breaks lines itself."""
    return "\n\n".join(" ".join(one.split("\n")) for one in text.split("\n\n"))


app = App(
    "stormdoor",
    help=(
        "Authentication and authorisation for the WebSockets of a Tornado application.\n\n"
        "stormdoor init writes a configuration file, and says how to start.\n\n"
        "stormdoor run -- jupyter lab starts a program, and guards every Tornado application in it.\n\n"
        "stormdoor serve chat:make serves an application that calls protect().\n\n"
        "stormdoor demo shows a guarded chat, and the same chat without a guard.\n\n"
        "stormdoor COMMAND --help has examples of each."
    ),
    version=lambda: f"stormdoor {version('stormdoor')}",
    help_format="markdown",
    help_flags=["--help", "-h"],
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    # A flag has no negative form; the help text names the default where it matters.
    default_parameter=Parameter(negative="", show_default=False),
)

_RUN = _paragraphs(
    """Start a program, and guard every Tornado application in it before it listens.

Write the program after two hyphens, as you start it without stormdoor. No file changes:

stormdoor run -- python app.py

stormdoor run -- jupyter lab

stormdoor run --origin https://plots.example -- bokeh serve plots.py

Each WebSocket and each HTTP page then needs a login with a permission; a browser is led to it and back.
A program sends an API key, or a line in [protect.pages] of the file lets it in. With --origin, a proxy
serves the pages at that address. The output says which sockets are guarded, and where to log in.

The first start makes the account admin, and shows its password once. Add others in the same store:

export STORMDOOR_STORE=sqlite:$HOME/.local/state/stormdoor/door.db

stormdoor principals add alice --role member

An HTTP server in any process of the program that is not guarded ends the program, before a client
reaches it. Child processes, such as kernels, get neither the guard nor its secrets. They cannot change
their user (sudo), unless root starts stormdoor run, or with --allow-sudo. Code in a notebook or terminal
runs as the same user, and can read the store.

Exit status: that of the program; 128 and the signal if one has ended it; 125 if something cannot be
guarded; 126 and 127 if the program cannot be started or found."""
)

_SERVE = _paragraphs(
    """Serve a guarded application with several processes on one port.

chat.py has a function make() without arguments, which returns protect(application, guard):

stormdoor serve chat:make

stormdoor serve chat:make --workers 4 --host 0.0.0.0 --port 8443

Each worker calls the function, and has a guard of its own. SIGTERM closes all sockets at a pace
that other servers can take, and ends the workers. SIGHUP replaces them one by one, with the present
code.

For a program that starts its own server: stormdoor run -- COMMAND."""
)

_NODES = _paragraphs(
    """List the nodes, which are the processes that serve, and the guarantee about revocations.

held: the node holds its lease, so messages pass. silent: its last beat is older than its lease. lapsed: a
change with --wait cluster declared its lease lapsed. A silent or lapsed node lets no message pass.

applied: the position in the log of revocations up to which the node has applied every entry. All nodes
follow the same epoch of the log.

Ends with 0 if each node holds its lease and follows the log; with 1 if one does not, or if there is none."""
)

_PRESET = _paragraphs(
    """Presets for known applications: list them, and print one as TOML.

A preset has roles, permissions and limits. stormdoor run takes that of the application. To change
one, print it into a file, and pass the file:

stormdoor preset list

stormdoor preset show jupyter > stormdoor.toml

stormdoor run --config stormdoor.toml -- jupyter lab"""
)

_INIT = _paragraphs(
    """Write a commented configuration file that passes stormdoor check, and print the command that starts the
program with it.

It asks what you guard, which login and which store. Without a terminal, give the answers as options:

stormdoor init

stormdoor init --for own --login password --store sqlite:door.db

stormdoor init --for program --login password --login api-key --store sqlite:door.db -- bokeh serve plots.py

stormdoor init --for program --login openid --provider google --client-id ID
--client-secret-file google.secret --domain example.com --store sqlite:door.db -- bokeh serve plots.py

No file is replaced without --force."""
)

for _name, _group, _help in (
    ("init", _GUARD, _INIT),
    ("run", _GUARD, _RUN),
    ("serve", _GUARD, _SERVE),
    ("preset", _GUARD, _PRESET),
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
    ("connections", _OPERATE, "Open sockets on all nodes: list and close."),
    ("nodes", _OPERATE, _NODES),
    ("store", _OPERATE, "Copy the store of an installation from SQLite to PostgreSQL."),
    ("migrate", _OPERATE, "The schema of a store: plan, apply and verify."),
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

# Only listed here: `run` hands them to stormdoor-audit.
for _name, _help in (
    ("scan", "Find missing and weak checks of the WebSocket handlers of a Tornado project."),
    ("probe", "Test what an unauthenticated client can do at a running WebSocket endpoint."),
):
    app.command(App(_name, help=_help, group=_LOOK))


for _name in ("--help", "--version"):
    app[_name].group = (_ABOUT,)
