"""SQLite files of an earlier release: only `stormdoor migrate` and a server change their schema."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from stormdoor.stores.sqlite import schema
from tests.cli.conftest import Cli
from tests.stores.earlier_file import REVISION, write_earlier_file

COMMANDS = {
    "reads": ("nodes",),
    "lists": ("principals", "list"),
    "verifies": ("trail", "verify"),
    "creates": ("principals", "add", "carol", "--no-password"),
    "revokes": ("revoke", "principal", "alice"),
    "issues": ("keys", "issue", "alice", "--name", "sensor", "--scope", "*"),
    "copies": ("store", "copy"),
}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Path) -> str:
    """The URL of a file of an earlier release."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    return f"sqlite://{write_earlier_file(tmp_path / 'earlier.db')}"


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite://"))


def _revision(path: Path) -> str | None:
    with contextlib.closing(sqlite3.connect(path)) as file:
        return schema.version(file)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_command_refuses_the_file_and_names_migrate(
    command: tuple[str, ...], cli: Cli, url: str
) -> None:
    """No command changes the schema on its way: the earlier release would not open the file any more."""
    path = _path(url)
    before = path.read_bytes()
    named = (url, "postgresql://x@127.0.0.1:1/x") if command[0] == "store" else ("--store", url)
    result = cli(*command, *named)
    assert result.code == 2, result
    assert f"stormdoor migrate apply --store {url}" in result.err.replace("\n", " ")
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.schema-*"))


def test_migrate_copies_and_migrates(cli: Cli, url: str) -> None:
    """`plan` lists the missing migrations, `apply` runs them and names the copy, and commands work again."""
    path = _path(url)
    copy = f"{path}.schema-{REVISION}"
    planned = cli("migrate", "plan", "--store", url, "--json")
    assert planned.code == 1
    assert planned.json["present"] == int(REVISION)
    names = [one["name"] for one in planned.json["steps"]]
    assert names[-1].startswith(schema.HEAD)
    assert _revision(path) == REVISION
    done = cli("migrate", "apply", "--store", url, "--json")
    assert done.json == {"ran": names, "copy": copy}
    assert (_revision(path), _revision(Path(copy))) == (schema.HEAD, REVISION)
    assert cli("migrate", "plan", "--store", url).code == 0
    assert cli("migrate", "apply", "--store", url, "--json").json == {"ran": [], "copy": None}
    assert cli("principals", "list", "--store", url).code == 0


def test_apply_prints_the_copy(cli: Cli, url: str) -> None:
    """The operator reads where the file from before is."""
    result = cli("migrate", "apply", "--store", url)
    assert result.code == 0, result
    assert f"{_path(url)}.schema-{REVISION}" in result.out.replace("\n", "")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_migrate_makes_no_file(command: str, cli: Cli, url: str, tmp_path: Path) -> None:
    """A mistyped path is told, and no empty store is made there."""
    missing = tmp_path / "missing.db"
    result = cli("migrate", command, "--store", f"sqlite://{missing}")
    assert result.code == 1, result
    assert "there is no store" in result.err
    assert not missing.exists()


@pytest.mark.parametrize("command", ["verify", "rotate-epoch"])
def test_other_commands_are_for_postgresql(command: str, cli: Cli, url: str) -> None:
    """A SQLite file begins an epoch by itself, and is made by its migrations alone."""
    result = cli("migrate", command, "--store", url)
    assert result.code == 2
    assert "only a store on PostgreSQL" in result.err


def test_new_file_is_made(cli: Cli, url: str, tmp_path: Path) -> None:
    """The first account makes a store with the present schema, as before."""
    new = tmp_path / "new.db"
    assert (
        cli("principals", "add", "carol", "--no-password", "--store", f"sqlite://{new}").code == 0
    )
    assert _revision(new) == schema.HEAD
