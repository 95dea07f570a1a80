"""`stormdoor check`: the findings of a file, for people and for scripts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.config.files import GOOD, write
from tests.support.postgresql import new_database, postgresql

__all__ = ["new_database", "postgresql"]


def test_good_file(cli: Cli, config: Path) -> None:
    """A file that is as it should be: 0."""
    result = cli("check", str(config))
    assert (result.code, result.out) == (0, f"{config}: nothing to report\n")


def test_file_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the environment is checked where none is named; without either, it is said."""
    assert cli("check").code == 0
    monkeypatch.delenv("STORMDOOR_CONFIG")
    result = cli("check")
    assert result.code == 2
    assert "which file?" in result.err


def test_findings(cli: Cli, tmp_path: Path) -> None:
    """Each finding has its line, its place, and what to write."""
    path = write(tmp_path, GOOD.replace("https://app", "http://app"), name="bad.toml")
    result = cli("check", str(path))
    assert result.code == 1
    assert f"error {path}:2 plain-origin origins[0]" in result.out
    assert "write: https://app.example" in result.out
    assert result.out.endswith("1 error\n")


def test_findings_as_json(cli: Cli, tmp_path: Path) -> None:
    """Scripts get the same."""
    path = write(tmp_path, GOOD.replace("trail_days = 365", "trail_days = false"), name="bad.toml")
    result = cli("check", str(path), "--json")
    (found,) = result.json
    assert (found["id"], found["level"], found["line"]) == ("endless-trail", "note", 4)


@pytest.mark.parametrize(
    ("level", "code"), [("error", 0), ("warning", 0), ("note", 1), ("whatever", 2)]
)
def test_level_that_counts(cli: Cli, tmp_path: Path, level: str, code: int) -> None:
    """An option selects the least level of a finding that fails the check."""
    path = write(tmp_path, GOOD.replace("trail_days = 365", "trail_days = false"), name="bad.toml")
    assert cli("check", str(path), "--fail-on", level).code == code


def test_missing_file(cli: Cli) -> None:
    """A file that is not there is a mistake in the call."""
    result = cli("check", "nothing.toml")
    assert (result.code, result.err) == (2, "stormdoor: there is no file nothing.toml\n")


def test_without_secrets(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--without-secrets` checks a file on a machine without its secrets."""
    monkeypatch.delenv("TRAIL_KEY")
    assert cli("check", str(config)).code == 1
    assert cli("check", str(config), "--without-secrets").code == 0


def test_schema(cli: Cli) -> None:
    """`--schema` prints a JSON Schema and needs no file."""
    result = cli("check", "--schema")
    assert result.code == 0
    schema = result.json
    assert schema["$schema"].endswith("2020-12/schema")
    assert "origins" in schema["properties"]


def test_a_database_without_a_standby(
    cli: Cli, tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note says that the guarantee does not hold across a failover; `--without-secrets` asks no server."""
    monkeypatch.setenv("STORE_URL", new_database())
    store = re.sub(r"(?m)^store = .*$", 'store = { env = "STORE_URL" }', GOOD)
    path = write(tmp_path, store, name="postgresql.toml")
    result = cli("check", str(path), "--json")
    assert [(one["id"], one["level"]) for one in result.json] == [("no-standby", "note")]
    assert result.code == 0
    assert cli("check", str(path), "--json", "--without-secrets").json == []
    monkeypatch.setenv("STORE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    (unknown,) = cli("check", str(path), "--json").json
    assert unknown["id"] == "standby-unknown"
