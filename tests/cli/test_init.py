"""`stormdoor init`: the file passes the check, the printed commands work, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.cli.conftest import Cli
from tests.run.running import ECHO, PATIENCE, answered, free_port

_POSTGRESQL = "postgresql://door:s3cret@db.example/door"
ANSWERS: dict[str, tuple[tuple[str, ...], str]] = {
    # options, answers on a terminal for the same
    "own code": (
        ("--for", "own", "--login", "password", "--store", "sqlite:door.db"),
        "1\n1\n\n",
    ),
    "own code, for programs": (
        ("--for", "own", "--login", "api-key", "--store", "sqlite:other.db"),
        "own\napi-key\nsqlite:other.db\n",
    ),
    "nodes": (
        ("--for", "nodes", "--login", "password", "--login", "api-key", "--store", _POSTGRESQL),
        f"3\n1, 2\n{_POSTGRESQL}\n",
    ),
    "a program": (
        ("--for", "program", "--login", "password", "--store", "sqlite:door.db", "--", "x", "y z"),
        "2\nx 'y z'\n\n\n",
    ),
    "a program with a login of its own": (
        ("--for", "program", "--store", "sqlite:door.db", "--", "jupyter", "lab"),
        "program\njupyter lab\n\n",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the command of this environment."""
    found = tmp_path / "project"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


@pytest.mark.parametrize("case", ANSWERS)
def test_options_and_answers_write_the_same_file(cli: Cli, folder: Path, case: str) -> None:
    """It passes `stormdoor check`, each setting has a comment, and no secret stands in it."""
    options, typed = ANSWERS[case]
    done = cli("init", *options)
    assert done.code == 0, done.err
    text = (folder / "stormdoor.toml").read_text("utf-8")
    checked = cli("check", "stormdoor.toml")
    assert checked.code == 0, checked.out
    assert text.count("\n# ") >= 4
    assert "s3cret" not in text
    assert "s3cret" not in done.out
    secrets = {one.name for one in folder.iterdir()} - {"stormdoor.toml"}
    assert {(folder / one).stat().st_mode & 0o777 for one in secrets} == {0o600}
    (folder / "asked").mkdir()
    asked = cli("init", "--config", "asked/stormdoor.toml", typed=typed, terminal=True)
    assert asked.code == 0, asked.err
    written = (folder / "asked" / "stormdoor.toml").read_text("utf-8")
    assert written.replace("asked/", "") == text


def test_an_address_of_the_pages_is_for_production(cli: Cli, folder: Path) -> None:
    """With https:// origins the file passes the check without `production = false`."""
    origin = ("--origin", "https://chat.example")
    for purpose in ("own", "program"):
        name = f"{purpose}.toml"
        more = ("--for", purpose, "--login", "password", "--store", "sqlite:door.db")
        assert cli("init", "--config", name, *origin, *more, "--", "x").code == 0
        text = (folder / name).read_text("utf-8")
        assert "production" not in text
        assert 'origins = ["https://chat.example"]' in text
        assert cli("check", name, "--fail-on", "note").code == 0


def test_a_folder_that_is_missing(cli: Cli, folder: Path) -> None:
    """The message names the file that cannot be written."""
    done = cli("init", "--config", "conf/stormdoor.toml", *ANSWERS["own code"][0])
    assert done.code == 2
    assert "conf/stormdoor-trail.key cannot be written" in done.err


def test_nothing_is_overwritten(cli: Cli, folder: Path) -> None:
    """A second call names the option to write; with --force the key of the trail stays."""
    options, _ = ANSWERS["nodes"]
    assert cli("init", *options).code == 0
    before = {one: one.read_bytes() for one in folder.iterdir()}
    again = cli("init", *options)
    assert again.code == 2
    assert "--force" in again.err
    (folder / "stormdoor.toml").unlink()
    again = cli("init", *options)
    assert again.code == 2
    assert "stormdoor-store.url" in again.err
    assert not (folder / "stormdoor.toml").exists()
    assert cli("init", *options, "--force").code == 0
    assert {one: one.read_bytes() for one in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--for"),
        (("--for", "program"), "-- COMMAND"),
        (("--for", "own"), "--login"),
        (("--for", "own", "--login", "password"), "--store"),
        (("--for", "own", "--login", "password", "--store", "mysql:x"), "store: "),
        (("--for", "nodes", "--login", "password", "--store", "sqlite:x"), "need PostgreSQL"),
        (("--for", "program", "--login", "password", "--", "jupyter-lab"), "leave --login out"),
        (
            (*ANSWERS["own code"][0], "--origin", "http://chat.example"),
            "is not encrypted",
        ),
    ],
)
def test_a_missing_or_wrong_answer_writes_nothing(
    cli: Cli, folder: Path, options: tuple[str, ...], said: str
) -> None:
    """The message names the option, or the finding of the check."""
    done = cli("init", *options)
    assert done.code == 2
    assert said in done.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("typed", ["", "4\n", "1\nldap\n", "1\n1\nredis:x\n"])
def test_a_wrong_answer_at_a_terminal_writes_nothing(cli: Cli, folder: Path, typed: str) -> None:
    """So does the end of the input."""
    assert cli("init", typed=typed, terminal=True).code == 2
    assert list(folder.iterdir()) == []


@contextlib.contextmanager
def _started(command: str, folder: Path, port: int) -> Iterator[None]:
    """Run a command in a shell that knows this environment, until it answers at the port."""
    variables = {name: one for name, one in os.environ.items() if not name.startswith("STORMDOOR_")}
    place = str(Path(sys.executable).parent)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=folder,
            env={**variables, "PATH": f"{place}:{variables['PATH']}"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + PATIENCE
        while answered(port) is None and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _login(port: int, password: str) -> int:
    """Log in as alice, and return the status of a page with her session."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    form = urlencode({"username": "alice", "password": password})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{port}",
    }
    connection.request("POST", "/auth/login", form, headers)
    cookie = (connection.getresponse().getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return answered(port, ("Cookie", cookie)) or 0


_SERVE = """

async def main():
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.extended
@pytest.mark.parametrize("purpose", ["own", "program"])
def test_the_printed_commands_guard_a_program(cli: Cli, folder: Path, purpose: str) -> None:
    """A page is open without them, and refused with them; the account of the printed command opens it."""
    port = free_port()
    origin = ("--origin", f"http://127.0.0.1:{port}") if purpose == "own" else ()
    options = ("--login", "password", "--store", "sqlite:door.db", *origin)
    printed = cli("init", "--for", purpose, *options, "--", "python", "app.py").out
    lines = [one[4:] for one in printed.splitlines() if one.startswith("    ")]
    program = f"{ECHO}\nPORT = {port}\napplication = make()\n"
    (folder / "app.py").write_text(f"{program}{_SERVE}", "utf-8")
    with _started("python app.py", folder, port):
        assert answered(port) == 200
    code = [one for one in lines if one.startswith(("from ", "guard ", "application "))]
    program += "\n".join(code).replace("...]", '("/ws", Echo), ("/", Page)]')
    (folder / "app.py").write_text(f"{program}{_SERVE}", "utf-8")
    add = ("principals", "add", "alice", "--role", "member", "--config", "stormdoor.toml")
    assert cli(*add, "--password-stdin", typed="correct horse battery\n").code == 0
    with _started(lines[-1], folder, port):
        assert answered(port) == 401
        assert _login(port, "wrong") == 401
        assert _login(port, "correct horse battery") == 200
