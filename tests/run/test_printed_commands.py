"""The commands that `stormdoor run` prints work as they are printed."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stormdoor.cli.run import _first_account
from stormdoor.cli.run_reporter import Reporter
from stormdoor.cli.where import name_installation


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_first_password_is_changed_with_the_printed_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the store and the folder of the command: nothing of them is in the environment."""
    for name in ("STORMDOOR_STORE", "STORMDOOR_CONFIG", "STORMDOOR_TRAIL_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(sys, "stderr", shown := _Terminal())
    folder = tmp_path / "a folder"
    folder.mkdir()
    _first_account(None, f"sqlite:{folder / 'door.db'}", None, "operator", Reporter("text"))
    [change] = re.findall(r"change it with: (.+)", shown.getvalue())
    [add] = re.findall(r"add others with: (.+)", shown.getvalue())
    for command in (change, add.replace("NAME", "alice")):
        done = subprocess.run(
            ["sh", "-c", f"{command} --password-stdin"],
            input="correct horse battery\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("store", "option"),
    [
        ("sqlite:/srv/a b/door.db", "--store 'sqlite:/srv/a b/door.db'"),
        ("postgresql://door@db.example/door", "--store postgresql://door@db.example/door"),
        ("postgresql://door:s3cret@db.example:5432/door", '--store "$STORMDOOR_STORE"'),
        ("postgresql://door:a@s3cret@db.example/door", '--store "$STORMDOOR_STORE"'),
        ("postgresql://door:s3/cret@db.example/door", '--store "$STORMDOOR_STORE"'),
        ("postgresql://db.example/door?password=s3cret", '--store "$STORMDOOR_STORE"'),
        ("postgresql://db.example/door?PASSWORD=s3cret", '--store "$STORMDOOR_STORE"'),
        ("postgresql://db.example/door?pass%77ord=s3cret", '--store "$STORMDOOR_STORE"'),
    ],
)
def test_a_printed_command_shows_no_password(store: str, option: str) -> None:
    """A URL with a password stays in the environment."""
    assert name_installation(None, store) == option


def test_a_configuration_file_is_named(tmp_path: Path) -> None:
    """It names the key of the trail, and the store, which is named beside it else."""
    path = tmp_path / "a folder" / "stormdoor.toml"
    named = f"--config {shlex.quote(str(path))}"
    assert name_installation(path, None) == named
    assert name_installation(path, "sqlite:door.db") == f"{named} --store sqlite:door.db"
