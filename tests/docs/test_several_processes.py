"""The page about several processes: its two commands on PostgreSQL, and what it says of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stormdoor.cli.app import app
from stormdoor.core.denial import ANSWERS, Denial
from stormdoor.core.drain import HANDSHAKES_PER_SECOND
from tests.cli.supervised import supervised
from tests.docs.pages import blocks, prose
from tests.support.postgresql import new_database, postgresql
from tests.support.project import ROOT

__all__ = ["new_database", "postgresql"]

PAGE = ROOT / "docs" / "how-to" / "several-processes.md"
RUNBOOK = ROOT / "docs" / "how-to" / "runbook.md"
_SCRIPT = "import sys; from stormdoor.cli.main import main; sys.exit(main())"


def lines(page: Path) -> list[list[str]]:
    """Return the commands of stormdoor in the blocks of a page, without the name of the program."""
    text = "\n".join(one.text for one in blocks(page, "sh"))
    text += "\n".join(re.findall(r"`(stormdoor [a-z][^`]*)`", page.read_text()))
    return [
        line.partition(" > ")[0].replace("'*'", "*").split()[1:]
        for line in text.splitlines()
        if line.startswith("stormdoor ") and not line.startswith("stormdoor serve` ")
    ]


@pytest.mark.parametrize("page", [PAGE, RUNBOOK], ids=["several-processes", "runbook"])
def test_the_commands_exist(page: Path) -> None:
    """Each command of the page has only options that exist."""
    found = lines(page)
    assert len(found) >= 4
    for words in found:
        if words in (["nodes"], ["serve"]):
            continue
        app.parse_args(words, exit_on_error=False, print_error=False)


def test_the_figures() -> None:
    """The page says the pace and the close code of the code."""
    text = prose(PAGE)
    assert f"{HANDSHAKES_PER_SECOND} a second for each of them" in text
    assert f"closes its sockets with {ANSWERS[Denial.RESTART].close_code}" in text


@pytest.mark.extended
@pytest.mark.slow
def test_two_workers_on_postgresql(new_database: object, tmp_path: Path) -> None:
    """With the commands of the page, a revocation by one process closes the sockets of both workers."""
    assert callable(new_database)
    environment = {"STORMDOOR_STORE": new_database()}
    for block in blocks(PAGE):
        if block.caption:
            (tmp_path / block.caption).write_text(block.text)

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert ["migrate", "apply"] in lines(PAGE)
    run("migrate", "apply")
    words = ["principals", "add", "alice", "--role", "member", "--no-password"]
    assert words in lines(PAGE)
    run(*words)
    words = ["keys", "issue", "alice", "--name", "test", "--scope", "*"]
    assert words in lines(PAGE)
    key = run(*words)
    [served] = {tuple(words) for words in lines(PAGE) if words[:1] == ["serve"] and len(words) > 1}
    assert served[:2] == ("serve", "app:make")
    with supervised(tmp_path, *served[2:], environment=environment) as one:
        client = subprocess.Popen(
            [sys.executable, "listen.py", f"ws://127.0.0.1:{one.port}/chat"],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(key)
            client.stdin.close()
            opened = [client.stdout.readline() for _ in range(8)]
            assert all(line.endswith("is open\n") for line in opened), opened
            assert len(one.workers) == 2
            shown = run("nodes")
            words = ["revoke", "principal", "alice", "--wait", "cluster"]
            assert words in lines(PAGE)
            said = run(*words)
            closed = client.stdout.readlines()
        assert [line.partition(" is ")[2] for line in closed] == ["closed with 3000\n"] * 8
        assert one.stop() == 0, one.output
    [output] = [block.text for block in blocks(PAGE, "text")]
    assert shown.splitlines()[0].split() == output.splitlines()[0].split()
    assert said.strip() in " ".join(output.split())
