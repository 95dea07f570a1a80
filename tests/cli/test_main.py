"""Calls of commands, and their exit codes."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from stormdoor.cli.main import run
from stormdoor.cli.output import clean, say
from stormdoor.cli.where import UNSAID, opened
from stormdoor.core.revocation import Target
from stormdoor.errors import StoreUnavailable
from tests.cli.conftest import Cli
from tests.config.files import TRAIL_KEY

PROGRAM = [sys.executable, "-m", "stormdoor"]


def _call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_version(cli: Cli) -> None:
    """`--version` is the version of the package."""
    assert cli("--version").out == f"stormdoor {version('stormdoor')}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("principals",), ("trail", "-h")])
def test_help(cli: Cli, arguments: tuple[str, ...]) -> None:
    """Help is a success, and so is a command that only has further commands."""
    result = cli(*arguments)
    assert result.code == 0
    assert result.out.startswith("Usage: stormdoor")
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("principls",), 'Did you mean "principals"?'),
        (("principals", "lst"), 'Did you mean "list"?'),
        (("principals", "list", "--jsn"), "Did you mean --json?"),
        (("principals", "show"), "requires an argument"),
        (("trail", "show", "-n", "x"), "Invalid value"),
        (("trail", "export", "--format", "xml"), "Invalid value"),
    ],
)
def test_usage(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    """A command that cannot be understood ends with 2 and one line."""
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.startswith("stormdoor: ")
    assert result.err.count("\n") == 1


def test_which_installation(cli: Cli, monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    """The options count before the environment; two at once, or none, are refused."""
    store = f"sqlite:{config.parent}/other.db"
    cli("principals", "add", "other", "--no-password", "--store", store)
    assert "other" in cli("principals", "list", "--store", store).out
    both = cli("principals", "list", "--store", store, "--config", str(config))
    assert (both.code, "not both" in both.err) == (2, True)
    monkeypatch.setenv("STORMDOOR_STORE", store)
    assert "not both" in cli("principals", "list").err
    monkeypatch.delenv("STORMDOOR_CONFIG")
    assert "other" in cli("principals", "list").out
    monkeypatch.delenv("STORMDOOR_STORE")
    result = cli("principals", "list")
    assert result.code == 2
    assert "--config FILE or --store URL" in result.err


@pytest.mark.parametrize("written", [TRAIL_KEY, f"hex:{TRAIL_KEY.encode().hex()}"])
def test_key_of_the_trail_beside_a_store(
    populated: Cli, config: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """With the URL alone, the key of the trail comes from a file or the environment."""
    store = ("--store", f"sqlite:{config.parent}/door.db")
    monkeypatch.delenv("STORMDOOR_CONFIG")
    refused = populated("principals", "disable", "mia", *store)
    assert refused.code == 2
    assert "STORMDOOR_TRAIL_KEY" in refused.err
    key = config.parent / "key"
    key.write_text(f"{written}\n", encoding="utf-8")
    key.chmod(0o600)
    assert populated("principals", "disable", "mia", *store, "--trail-key-file", str(key)).code == 0
    monkeypatch.setenv("STORMDOOR_TRAIL_KEY", written)
    assert populated("principals", "disable", "alice", *store).code == 0
    assert populated("trail", "verify", *store).code == 0


def test_key_that_is_no_hex(populated: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that says to be hex and is not is refused, and not repeated."""
    monkeypatch.delenv("STORMDOOR_CONFIG")
    monkeypatch.setenv("STORMDOOR_TRAIL_KEY", "hex:hunter2")
    result = populated("principals", "disable", "mia", "--store", f"sqlite:{config.parent}/door.db")
    assert result.code == 2
    assert "hunter2" not in result.err


def test_key_file_beside_a_configuration(populated: Cli) -> None:
    """The configuration names its key; a second one is refused."""
    assert populated("trail", "verify", "--trail-key-file", "x").code == 2


def test_wrong_configuration(cli: Cli, config: Path) -> None:
    """A command tells what is wrong with the configuration, and ends with 2."""
    config.write_text("orgins = []\nlimits = 1\n", encoding="utf-8")
    result = cli("principals", "list")
    assert result.code == 2
    assert f"{config}:1: orgins" in result.err


def test_store_that_does_not_answer(cli: Cli, config: Path) -> None:
    """A store that is broken is not a store that is empty: 3."""
    (config.parent / "door.db").write_bytes(b"x" * 10_000)
    result = cli("principals", "list")
    assert result.code == 3
    assert result.err.count("\n") == 1


def test_crash(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error is one line, with a traceback on request, and ends with 70."""

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("\x1b[31mred")

    monkeypatch.setattr("stormdoor.config.check.check_file", crash)
    result = cli("check")
    assert result.code == 70
    assert result.err == (
        "stormdoor: ZeroDivisionError: \\x1b[31mred (STORMDOOR_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("STORMDOOR_DEBUG", "1")
    assert "Traceback" in cli("check").err


def test_interrupt(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command without a traceback."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stormdoor.config.check.check_file", interrupt)
    result = cli("check")
    assert (result.code, result.err) == (130, "")


def test_reader_that_has_read_enough(populated: Cli, config: Path) -> None:
    """`stormdoor trail export | head` is no error."""
    export = subprocess.Popen(
        [*PROGRAM, "trail", "export"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert export.stdout is not None
    assert export.stderr is not None
    export.stdout.close()
    assert export.stderr.read() == ""
    export.stderr.close()
    assert export.wait() == 0


def test_no_colour_without_a_terminal(populated: Cli, config: Path) -> None:
    """A pipe gets neither colours nor more than 80 columns, in any locale."""
    result = _call("principals", "list", LC_ALL="C", COLUMNS="", NO_COLOR="")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.extended
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli: Cli, shell: str) -> None:
    """The completion of each shell knows the commands."""
    result = cli("completion", shell)
    assert result.code == 0
    assert "principals" in result.out


@pytest.mark.extended
def test_completion_installed(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`completion --install` writes the completion below HOME, at the path that the shell reads."""
    monkeypatch.setenv("HOME", str(tmp_path))
    result = cli("completion", "fish", "--install")
    assert result.code == 0
    (path,) = tmp_path.rglob("stormdoor.fish")
    assert str(path) in result.err.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï", "plain ünï"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202egpj", "\\u202egpj"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    """Control characters, and those that turn the direction of writing, are shown as escapes."""
    assert clean(text) == shown


def test_lines_on_a_terminal_break_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal gets no broken word, and a long key in one piece; a pipe gets one line."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    key = "k" * 60
    sentence = f"No node sends to the revoked principal later than half a second. {key}"
    say(sentence)
    assert capsys.readouterr().out == f"{sentence}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    say(sentence)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["No node sends to the revoked principal", "later than half a second.", key]


def test_help_imports_no_command() -> None:
    """`--help` waits for none of the commands, nor for what they need."""
    code = (
        "import sys; from stormdoor.cli.main import run; run(['--help']);"
        "bad = [m for m in ('stormdoor.cli.trail', 'stormdoor.stores', 'stormdoor.demo.server')"
        " if m in sys.modules]; sys.exit(bool(bad) and str(bad))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_demo_that_cannot_listen(tmp_path: Path) -> None:
    """A port that is taken is one line that says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = _call("demo", "--port", port, "--data", str(tmp_path / "data"))
    assert result.returncode == 2
    assert "choose another --host or --port" in result.stderr


def test_run_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments, `run` uses those of the process."""
    monkeypatch.setattr("sys.argv", ["stormdoor", "zzz"])
    assert run() == 2


async def test_change_that_cannot_be_stored(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A command does not promise to store a change later, as a server does: it ends before."""
    async with opened(UNSAID, create=True) as installation:
        other = sqlite3.connect(config.parent / "door.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with contextlib.closing(other), pytest.raises(StoreUnavailable):
            await installation.guard.admin.revoke(Target.PRINCIPAL, "alice")
    assert not [line for line in caplog.messages if "when the store answers" in line]
