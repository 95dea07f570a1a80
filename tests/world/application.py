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
    "PORTS",
    "Application",
    "Burst",
    "Channel",
    "Conversation",
    "OwnClient",
    "OwnLogin",
    "Recipe",
    "files_of_page",
    "program_of_page",
    "run",
]

PORTS = ("8888", "8786", "8080")
"""Ports of the guides, in files and commands; replaced by free ones. The first is that of the application."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Files of a fresh folder, and the command that starts the application in it.

    Attributes:
        files: Text by name. `PORTS` are replaced, here and in the command.
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
class OwnClient:
    """A program with the client that the host or its users have.

    Attributes:
        program: Text in Python, which ends with 0 if the client works. `PORTS` are replaced in it. It finds
            an API key and the cookie of `alice` in `STORMDOOR_KEY` and `STORMDOOR_COOKIE`.
        logs_in: Whether it must fail without them.
    """

    program: str
    logs_in: bool = True


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
        health: Path of the health check, which a load balancer asks without a login; empty without one.
        own_client: The client of the host; None without one that is no browser.
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
    health: str = ""
    own_client: OwnClient | None = None
    python: str = ""

    @property
    def place(self) -> Path:
        """Return the folder of its environment."""
        return self.home or home_of(self.requirements, self.python)

    @property
    def requirements(self) -> str:
        """Return the name of its lock file."""
        return self.lock or self.name


def program_of_page(name: str) -> str:
    """Return the Python of a how-to guide: its blocks without a caption, one after another."""
    page = ROOT / "docs" / "how-to" / f"{name}.md"
    several = [one for one in blocks(page) if one.language == "python" and not one.caption]
    return "\n".join(one.text for one in several)


def files_of_page(name: str) -> dict[str, str]:
    """Return the files that a how-to guide lets its reader write, by the captions of its blocks."""
    page = ROOT / "docs" / "how-to" / f"{name}.md"
    return {block.caption: block.text for block in blocks(page) if block.caption}
