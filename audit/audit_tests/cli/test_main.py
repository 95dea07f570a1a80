"""Calls of `stormdoor-audit`, and their exit codes."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from stormdoor_audit.cli.main import run


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` is the version of this package."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"stormdoor-audit {version('stormdoor-audit')}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["scan", "-h"], ["probe", "init", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Help is a success and fits 80 columns."""
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: stormdoor-audit")
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scn"], 'Did you mean "scan"?'),
        (["scan", "--fromat", "json"], "Did you mean --format?"),
        (["scan", "--jobs", "x"], "Invalid value"),
        (["probe"], "which endpoint?"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """A command that cannot be understood ends with 2 and one line."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("stormdoor-audit: ")
    assert err.count("\n") == 1


def test_completion(capsys: pytest.CaptureFixture[str]) -> None:
    """The script for the shell knows the commands and their options."""
    assert run(["completion", "bash"]) == 0
    out = capsys.readouterr().out
    assert "--write-baseline" in out
    assert "--authorized" in out


def test_the_module_is_the_command() -> None:
    """`python -m stormdoor_audit` runs it, and a closed pipe ends it without a traceback."""
    command = f"{sys.executable} -m stormdoor_audit scan --rules | head -n 1"
    done = subprocess.run(
        ["/bin/bash", "-c", command], env=os.environ, capture_output=True, text=True, check=False
    )
    assert "rule" in done.stdout
    assert done.stderr == ""
