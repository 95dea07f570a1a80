"""Settings in pyproject.toml: where they are found, and that mistakes in them are said."""

from pathlib import Path

import pytest

from stormdoor_audit.auditor.scanning.configuration import (
    Configuration,
    SettingsError,
    find_configuration,
    read_configuration,
)
from stormdoor_audit.auditor.scanning.settings import Settings, selected

TABLE = '[tool.stormdoor.scan]\npaths = ["src"]\nfail-on = "error"\n'


def test_found_above(tmp_path: Path) -> None:
    """The nearest file with the table counts; one without it does not end the search."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert find_configuration(inner) == tmp_path / "pyproject.toml"


def test_not_beyond_the_repository(tmp_path: Path) -> None:
    """A configuration above the repository is not read."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    inner = tmp_path / "a"
    (inner / ".git").mkdir(parents=True)
    assert find_configuration(inner) is None
    (inner / "pyproject.toml").write_text(TABLE)
    assert find_configuration(inner) == inner / "pyproject.toml"


def test_read(tmp_path: Path) -> None:
    """Names are written with dashes; what is not written has its default."""
    file = tmp_path / "pyproject.toml"
    file.write_text(TABLE)
    found = read_configuration(file)
    assert (found.paths, found.fail_on) == (("src",), "error")
    assert read_configuration(None) == Configuration()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.stormdoor.scan]\nignores = []\n", "ignores"),
        ("[tool.stormdoor.scan]\nignore = 'SD1'\n", "ignore"),
        (
            "[tool.stormdoor.scan]\nignores = []\n",
            "there are allow-not-analysed, audience, baseline",
        ),
        ("[tool.stormdoor.scan]\nfail-on = 'all'\n", "fail-on.*one of error, warning"),
        ("[tool.stormdoor.scan]\njobs = -1\n", "jobs"),
        ("[tool.stormdoor.scan]\norigins = ['app.example']\n", "https://app.example"),
        ("[tool.stormdoor.scan]\norigins = ['https://app.example/']\n", "origins"),
        ("[tool.stormdoor.scann]\nignore = ['SD1']\n", "no .tool.stormdoor.scann"),
        ("[tool.stormdoor]\nscan = 1\n", "scan"),
        ("[tool.stormdoor.scan\n", "cannot be read"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, says: str) -> None:
    """A setting that would do nothing is an error: it is there for a reason."""
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_configuration(file)


@pytest.mark.parametrize(
    ("select", "ignore", "runs"),
    [
        ((), (), True),
        (("SD1",), (), True),
        (("SD2",), (), False),
        (("missing-authentication",), (), True),
        (("missing",), (), False),
        (("sd101",), (), True),
        ((), ("SD101",), False),
        (("SD101",), ("SD1",), False),
    ],
)
def test_selection(select: tuple[str, ...], ignore: tuple[str, ...], *, runs: bool) -> None:
    """Rules are named by id, by the beginning of one, or by slug; what is ignored is ignored."""
    settings = Settings(select=select, ignore=ignore)
    assert selected("SD101", "missing-authentication", settings) is runs
