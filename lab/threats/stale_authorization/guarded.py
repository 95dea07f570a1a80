"""The same terminal behind stormdoor: an end in the directory is the end of the socket."""

from typing import Annotated

from msgspec import Meta
from tornado.web import Application

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    Identifier,
    PolicySet,
    Reply,
    SessionAuthenticator,
    Topic,
    action,
    login_routes,
    protect,
    role,
)

USERS = {"ada": "ada keeps the machine alive", "mallory": "mallory leaves on Friday evening"}
ROLES = {"ada": ["owner"], "mallory": ["operator"]}
JOURNAL = Topic("journal", "terminal:connect")

Words = Annotated[str, Meta(min_length=1, max_length=500)]


class Ready(Reply, tag="ready"):
    """One may type."""

    user: str


class Run(Command, tag="run"):
    """Run something."""

    command: Words


class Output(Reply, tag="output"):
    """The output of a command."""

    text: str


class Dismiss(Command, tag="dismiss"):
    """An employee leaves."""

    who: Identifier


class Dismissed(Reply, tag="dismissed"):
    """It is done."""

    who: str


class Log(Command, tag="log"):
    """Something for the journal."""

    text: Words


class Journal(Reply, tag="journal"):
    """A line of the journal."""

    text: str


def terminal_handler(guard: Guard) -> type[GuardedHandler]:
    """The handler of the terminal."""

    class Terminal(GuardedHandler):
        """`/ws/terminal`: runs the typed commands, and shows their output to all users."""

        permission = "terminal:connect"

        def open(self, *args: str, **kwargs: str) -> None:
            guard.channels.subscribe(self.connection, JOURNAL)
            self.send(Ready(user=self.principal.id))

        @action("terminal:run")
        def run(self, command: Run) -> Output:
            """Run it."""
            return Output(text=f"root# {command.command}: done")

        @action("staff:dismiss")
        async def dismiss(self, command: Dismiss) -> Dismissed:
            """Disable the account: its sockets in every process end."""
            await guard.admin.set_disabled(command.who, True, actor=self.principal.id)
            return Dismissed(who=command.who)

        @action("journal:write")
        def log(self, command: Log) -> None:
            """Send the journal to all users."""
            guard.channels.publish(JOURNAL, Journal(text=command.text))

    return Terminal


async def make(origin: str) -> Application:
    """The application."""
    guard = Guard(
        origins=[origin],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet(
            [
                role("operator", "terminal:*"),
                role("owner", "staff:*", "journal:*", inherits=["operator"]),
            ]
        ),
        production=False,
    )
    await guard.start()
    for name, password in USERS.items():
        await guard.admin.add_principal(name, password=password, roles=ROLES[name])
    routes = login_routes(guard, endpoint="/ws/terminal")
    return protect(Application([*routes, ("/ws/terminal", terminal_handler(guard))]), guard)
