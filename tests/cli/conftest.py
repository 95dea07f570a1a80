"""The command line in this process, against a store of its own."""

import asyncio
import getpass
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stormdoor import Guard
from stormdoor.cli.main import run
from tests.config.files import GOOD, TRAIL_KEY, write

__all__ = ["Cli", "Result"]


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the JSON that the command printed."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A terminal at which a text is typed."""

    def isatty(self) -> bool:
        return True


Cli = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of an installation, which commands find in the environment."""
    for name in ("STORMDOOR_STORE", "STORMDOOR_TRAIL_KEY", "STORMDOOR_DEBUG", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    path = write(tmp_path, GOOD)
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    monkeypatch.setenv("STORMDOOR_CONFIG", str(path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return path


@pytest.fixture
def cli(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command; `typed` is its standard input, which may be a terminal."""

    def command(*arguments: str, typed: str = "", terminal: bool = False) -> Result:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", Terminal(typed) if terminal else io.StringIO(typed))
        code = run(arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return command


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with alice (member), mia (moderator of the lobby) and a sensor, made once."""
    path = tmp_path_factory.mktemp("template") / "door.db"

    async def populate() -> None:
        guard = Guard(store=f"sqlite:{path}", trail_key=TRAIL_KEY.encode())
        await guard.state.open()
        actor = f"cli:{getpass.getuser()}"
        password = "correct horse battery"
        for name, role, attributes in (
            ("alice", "member", {}),
            ("mia", "moderator", {"moderates": ["lobby"]}),
        ):
            await guard.admin.add_principal(
                name, password=password, roles=[role], attributes=attributes, actor=actor
            )
        await guard.admin.add_principal("sensor", actor=actor)
        await guard.trail.flush()
        await guard.close()

    asyncio.run(populate())
    return path


@pytest.fixture
def populated(cli: Cli, config: Path, template: Path) -> Cli:
    """An installation with alice (member), mia (moderator of the lobby) and a sensor."""
    shutil.copy(template, config.parent / "door.db")
    return cli
