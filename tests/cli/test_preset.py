"""`stormdoor preset`: the presets, as a list and as TOML."""

import tomllib
from pathlib import Path

import pytest

from stormdoor.config.preset import preset_file, preset_names
from tests.cli.conftest import Cli
from tests.config.files import write


def test_list(cli: Cli) -> None:
    """Each preset is listed with the application that it is for, and its roles."""
    result = cli("preset", "list")
    assert result.code == 0
    assert all(name in result.out for name in preset_names())
    listed = {one["name"]: one for one in cli("preset", "list", "--json").json}
    assert listed["app"]["roles"] == ["member"]
    assert listed["app"]["for"].startswith("Any application")
    assert all(one["for"].endswith(".") for one in listed.values())  # a whole sentence


@pytest.mark.parametrize("name", preset_names())
def test_show(cli: Cli, tmp_path: Path, name: str) -> None:
    """The printed text is the preset, comments included, and a configuration file by itself."""
    result = cli("preset", "show", name)
    assert (result.code, result.out) == (0, preset_file(name).read_text(encoding="utf-8"))
    assert tomllib.loads(result.out)["protect"]
    assert cli("check", str(write(tmp_path, result.out))).code == 0
    assert cli("check", str(write(tmp_path, f'preset = "{name}"'))).code == 0
    own = write(tmp_path, result.out.replace("stormdoor_run = true", ""))
    found = {one["id"] for one in cli("check", str(own), "--json").json if one["level"] == "error"}
    assert "no-origins" in found  # protect() adds none


def test_unknown(cli: Cli) -> None:
    """An unknown name is a mistake in the call, with the nearest name."""
    result = cli("preset", "show", "jupiter")
    assert result.code == 2
    assert 'did you mean "jupyter"?' in result.err
