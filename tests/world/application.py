"""The description of an application for `make world`: one file each in `tests/world/applications/`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.docs.pages import blocks
from tests.world.client import Client
from tests.world.environment import ROOT, home_of

__all__ = [
    "PORT",
    "Application",
    "Burst",
    "Channel",
    "Conversation",
    "OwnLogin",
    "Recipe",
    "files_of_page",
    "run",
]

PORT = "8888"
"""In files and commands; replaced by the port of the run."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Files of a fresh folder, and the command that starts the application in it.

    Attributes:
        files: Text by name. `8888` is replaced by the port of the run, here and in the command.
        command: Program of the application's environment, with arguments.
        environ: More variables.
    """

    files: Mapping[str, str]
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)


def run(files: Mapping[str, str], command: Sequence[str], *options: str) -> Recipe:
    """Return the recipe that starts a command with `stormdoor run`, with its options."""
    return Recipe(
        files, ["stormdoor", "run", *options, "--", *command], {"STORMDOOR_STORE": "sqlite:door.db"}
    )


class Conversation(Protocol):
    """An open channel of one client."""

    async def exchange(self) -> None:
        """Ask something in the application's protocol and check the answer.

        Raises:
            FailedError: There is no right answer.
        """

    async def ended(self) -> str:
        """Wait until the server has ended the channel, and return how. Say nothing meanwhile."""

    async def close(self) -> None:
        """Let go."""


Action = Callable[[Client, Conversation], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Burst:
    """Heavy but ordinary use of a channel.

    Attributes:
        name: The user's action.
        run: Performs it on an open conversation. It raises `FailedError` if something is lost.
    """

    name: str
    run: Action


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to talk to the application.

    Attributes:
        name: `kernel`, `terminal`; empty where there is one.
        open: Opens a conversation as the second client. What the application wants before, such as a
            kernel, is asked for as the first client, the owner. It raises `RefusedError`.
        bursts: What an ordinary user does with it at most.
        forbidden: What a viewer may not do, on an open conversation. It raises `FailedError` if the
            application did it. None if the application has no viewers.
        viewer_exchanges: Whether a viewer may ask as `exchange` does.
        private: Whether each principal has a conversation of its own, so that a viewer watches its own.
    """

    name: str
    open: Callable[[Client, Client], Coroutine[Any, Any, Conversation]]
    bursts: Sequence[Burst] = ()
    forbidden: Action | None = None
    viewer_exchanges: bool = True
    private: bool = False


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """The login of an application that keeps its own; stormdoor has no other one.

    Attributes:
        log_in: Logs in at an address as a new client, and returns it with the name of its principal.
        logout: Path of a GET that logs out.
    """

    log_in: Callable[[str], Coroutine[Any, Any, tuple[Client, str]]]
    logout: str


@dataclass(frozen=True, slots=True)
class Application:
    """An application that other people wrote.

    Attributes:
        name: Of its row, and of its lock file in `tests/world/requirements/`.
        packages: Distributions; their versions are shown.
        plain: Starts it without a guard: the control.
        guarded: Starts it with the guard that an operator adds.
        ready: Path that answers once it runs.
        channels: Its channels.
        enter: Returns the client with what the application itself demands of it, such as its token. The
            second argument tells whether the application is guarded.
        home: Its environment; None for the one of its lock file.
        lock: The name of its lock file, if it is that of another application.
        own_login: The application's own login, if the guard asks it.
        keys: Whether its clients are programs with API keys of the guard.
        python: The version of Python of its environment, such as "3.13"; empty for the newest one.
    """

    name: str
    packages: Sequence[str]
    plain: Recipe
    guarded: Recipe
    channels: Sequence[Channel]
    ready: str = "/"
    enter: Callable[[Client, bool], Coroutine[Any, Any, Client]] | None = None
    home: Path | None = None
    lock: str = ""
    own_login: OwnLogin | None = None
    keys: bool = False
    python: str = ""

    @property
    def place(self) -> Path:
        """Return the folder of its environment."""
        return self.home or home_of(self.requirements, self.python)

    @property
    def requirements(self) -> str:
        """Return the name of its lock file."""
        return self.lock or self.name


def files_of_page(name: str) -> dict[str, str]:
    """Return the files that a how-to guide lets its reader write, by the captions of its blocks."""
    page = ROOT / "docs" / "how-to" / f"{name}.md"
    return {block.caption: block.text for block in blocks(page) if block.caption}
