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
from tests.tornado.wire import connect

__all__ = ["new_database", "postgresql"]

PAGE = ROOT / "docs" / "how-to" / "several-processes.md"
RUNBOOK = ROOT / "docs" / "how-to" / "runbook.md"
_SCRIPT = "import sys; from stormdoor.cli.main import main; sys.exit(main())"


def lines(page: Path) -> list[list[str]]:
    """Return the commands of stormdoor in the blocks of a page, without the name of the program."""
    text = "\n".join(one.text for one in blocks(page, "sh"))
    text += "\n".join(re.findall(r"`(stormdoor [a-z][^`]*)`", page.read_text()))
    return [
        line.replace("'*'", "*").split()[1:]
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
async def test_two_workers_on_postgresql(new_database: object, tmp_path: Path) -> None:
    """With the commands of the page, a revocation by one process closes the sockets of both workers."""
    assert callable(new_database)
    environment = {"STORMDOOR_STORE": new_database()}
    [block] = [one for one in blocks(PAGE) if one.caption == "app.py"]
    (tmp_path / "app.py").write_text(block.text)

    def run(*words: str, typed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *words],
            input=typed,
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
    words = ["principals", "add", "alice", "--role", "member"]
    assert words in lines(PAGE)
    run(*words, "--password-stdin", typed="correct horse battery staple\n")
    words = ["keys", "issue", "alice", "--name", "test", "--scope", "*"]
    assert words in lines(PAGE)
    key = run(*words, "--quiet").strip()
    [served] = {tuple(words) for words in lines(PAGE) if words[:1] == ["serve"] and len(words) > 1}
    assert served[:2] == ("serve", "app:make")
    with supervised(tmp_path, *served[2:], environment=environment) as one:
        clients = [
            await connect(one.port, "/chat", ("X-API-Key", key), host="127.0.0.1") for _ in range(8)
        ]
        assert len(one.workers) == 2
        run("revoke", "principal", "alice")
        for wire in clients:
            async with wire:
                assert await wire.close_code() == 3000
        assert one.stop() == 0, one.output
