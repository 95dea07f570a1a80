"""Type checkers and `GuardedHandler` reject an action with a parameter that is no command."""

import shutil

import pytest

from stormdoor import Command, ConfigurationError, GuardedHandler, Resource, action
from tests.support.type_errors import pyright_errors, type_errors

# One worker runs mypy.
pytestmark = pytest.mark.xdist_group("type-errors")

BEFORE = '''
"""A small application."""

from stormdoor import Command, GuardedHandler, Reply, Resource, action


class InRoom(Command):
    room: str


class Say(InRoom, tag="say"):
    text: str


class Said(Reply, tag="said"):
    text: str


def room_of(command: InRoom) -> tuple[str, str]:
    return "room", command.room


class Chat(GuardedHandler):
    permission = "chat:connect"

'''

GOOD = {
    "plain": """
    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(text=command.text)

    def twice(self, command: Say) -> str:
        return self.say(command).text + self.say(command).text
""",
    "coroutine": """
    @action("chat:say", limit="5/s", fresh="5min", strength=2)
    async def say(self, command: Say) -> Said | None:
        return None
""",
    "lambda": """
    @action[Say]("chat:say", resource=lambda say: ("room", say.room))
    def say(self, command: Say) -> None: ...
""",
    "resource": """
    @action[Say]("chat:say", resource=lambda say: Resource("room", say.room))
    def say(self, command: Say) -> None: ...
""",
    "base class": """
    @action("chat:say", resource=room_of)
    def say(self, command: Say) -> None: ...
""",
}

BAD = {
    "wrong field": """
    @action[Say]("chat:say", resource=lambda say: ("room", say.rom))
    def say(self, command: Say) -> None: ...
""",
    "lambda without the command": """
    @action("chat:say", resource=lambda say: ("room", say.room))
    def say(self, command: Say) -> None: ...
""",
    "no command in brackets": """
    @action[Said]("chat:say", resource=lambda say: ("room", say.text))
    def say(self, command: Say) -> None: ...
""",
    "text": """
    @action("chat:say")
    def say(self, command: str) -> None: ...
""",
    "dictionary in a coroutine": """
    @action("chat:say", resource=lambda say: ("room", say["room"]))
    async def say(self, command: dict[str, str]) -> None: ...
""",
    "reply": """
    @action("chat:say")
    def say(self, command: Said) -> None: ...
""",
    "perhaps text": """
    @action("chat:say")
    def say(self, command: Say | str) -> None: ...
""",
    "nothing": """
    @action("chat:say")
    def say(self) -> None: ...
""",
    "two": """
    @action("chat:say")
    def say(self, command: Say, more: int) -> None: ...
""",
    "resource of a number": """
    @action[Say]("chat:say", resource=lambda say: ("room", 7))
    def say(self, command: Say) -> None: ...
""",
    "resource that is text": """
    @action("chat:say", resource="room")
    def say(self, command: Say) -> None: ...
""",
    "resource of two commands": """
    @action[Say]("chat:say", resource=lambda say, more: ("room", say.room))
    def say(self, command: Say) -> None: ...
""",
    "result of another type": """
    @action("chat:say")
    def say(self, command: Say) -> int:
        return 1

    def twice(self, command: Say) -> str:
        return self.say(command)
""",
}


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def remarks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """The errors that a type checker finds in each program; pyright only where it is installed."""
    programs = {name: BEFORE + body for name, body in {**GOOD, **BAD}.items()}
    home = tmp_path_factory.mktemp("programs")
    if request.param == "mypy":
        return type_errors(home, programs)
    if shutil.which("pyright") is None:
        pytest.skip("pyright is not installed")
    return pyright_errors(home, programs)


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_correct_actions_pass(remarks: dict[str, list[str]], name: str) -> None:
    """A type checker has no remark on an action with one command."""
    assert remarks[name] == []


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_wrong_actions_fail(
    request: pytest.FixtureRequest, remarks: dict[str, list[str]], name: str
) -> None:
    """A type checker reports an error within the handler, and none before it."""
    if name == "perhaps text" and request.node.callspec.params["remarks"] == "pyright":
        pytest.skip("pyright accepts a parameter that takes more than a command")
    assert remarks[name]
    first = BEFORE.count("\n")
    assert all(int(one.partition(":")[0]) > first for one in remarks[name])


class InRoom(Command):
    """Commands that name a room."""

    room: str


class Say(InRoom, tag="say"):
    """A command."""


class Leave(InRoom, tag="leave"):
    """Another command of the same base class."""


def room_of(command: InRoom) -> Resource:
    """Return the room of any command."""
    return Resource("room", command.room)


def room_of_leave(command: Leave) -> Resource:
    """Return the room of one command."""
    return Resource("room", command.room)


def test_the_resource_of_another_command_is_refused() -> None:
    """The function would raise on each message, and so refuse it."""
    with pytest.raises(ConfigurationError, match="room_of_leave takes Leave, and the action Say"):

        class Chat(GuardedHandler):
            @action("chat:say", resource=room_of_leave)
            def say(self, command: Say) -> None: ...


def test_another_command_in_brackets_is_refused() -> None:
    """A type checker has read the resource for the fields of that command."""
    with pytest.raises(ConfigurationError, match=r"action\[...\] takes Leave, and the action Say"):

        class Chat(GuardedHandler):
            @action[Leave]("chat:say", resource=lambda leave: ("room", leave.room))
            def say(self, command: Say) -> None: ...


def test_the_resource_of_a_base_class_is_accepted() -> None:
    """One function may serve many commands."""

    class Chat(GuardedHandler):
        @action[InRoom]("chat:say", resource=room_of)
        def say(self, command: Say) -> None: ...

        @action[Leave]("chat:leave", resource=lambda leave: ("room", leave.room))
        def leave(self, command: Leave) -> None: ...

    assert Chat.actions is not None
    assert [one.permission for one in Chat.actions.table.values()] == ["chat:leave", "chat:say"]
