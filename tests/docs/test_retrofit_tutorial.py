"""The tutorial about two handlers, done from top to bottom: each command prints what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Program, blocks, shell
from tests.support.project import ROOT

PAGE = ROOT / "docs" / "tutorial" / "retrofit-two-handlers.md"
CODE = {block.caption: block.text for block in blocks(PAGE, "python")}
OUTPUTS = [block.text for block in blocks(PAGE, "text")]
STORE = "sqlite:board.db"

pytestmark = pytest.mark.slow


def declared() -> str:
    """`door.py` after the step *Declare both*."""
    text = CODE["door.py"].replace("protect(app, guard)\n", CODE["door.py, the call"])
    imports = re.compile(r"from board import .*?\n\n?from stormdoor import .*?\n")
    text, changes = imports.subn(CODE["door.py, the imports"], text)
    assert changes == 1
    assert CODE["door.py, the call"] in text
    return text


def with_types() -> tuple[str, str]:
    """`board.py` and `door.py` after the step *Types for the JSON handler*."""
    notes = re.compile(r"class Notes\(.*?(?=\n\n\nclass )", re.DOTALL)
    board, changes = notes.subn(
        lambda _: CODE["board.py, the class Notes"].rstrip(), CODE["board.py"]
    )
    assert changes == 1
    policies = re.compile(r"    policies=PolicySet\(.*?\n    \),\n", re.DOTALL)
    door, changes = policies.subn(lambda _: CODE["door.py, the policies"], declared())
    assert changes == 1
    return board, door


class Folder:
    """The folder of a reader.

    Args:
        path: The folder.
        name: The program that is started.
        text: Its text.
        board: The application, if it is not the program.
    """

    def __init__(self, path: Path, name: str, text: str, board: str | None = None) -> None:
        self.path = path
        self.server = Program(path, text, name)
        for other, content in (("board.py", board), ("attack.py", CODE["attack.py"])):
            if content is not None:
                (path / other).write_text(self.server.at_port(content), encoding="utf-8")

    def run(self, command: str) -> str:
        """Run a command of the second terminal, and return what it prints."""
        return shell(self.path, command, STORMDOOR_STORE=STORE)


def commands(name: str) -> list[str]:
    """The commands of the page that begin with a name."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith(f"    {name}")]


@pytest.mark.extended
def test_unguarded(tmp_path: Path) -> None:
    """Without a guard each attack succeeds."""
    folder = Folder(tmp_path, "board.py", CODE["board.py"])
    with folder.server:
        assert folder.run("python attack.py") == OUTPUTS[0]


def test_the_guard_lists_the_endpoints(tmp_path: Path) -> None:
    """With undeclared endpoints `door.py` ends with the lines to write."""
    folder = Folder(tmp_path, "door.py", CODE["door.py"], CODE["board.py"])
    done = subprocess.run(
        [sys.executable, "door.py"],
        cwd=folder.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.endswith(OUTPUTS[1])


@pytest.mark.extended
def test_declared(tmp_path: Path) -> None:
    """An unauthenticated client, an editor and a viewer may do what the page says."""
    folder = Folder(tmp_path, "door.py", declared(), CODE["board.py"])
    for command in commands("stormdoor principals add"):
        folder.run(command)
    with folder.server:
        for name, output in zip(("", "alice", "bob"), OUTPUTS[2:5], strict=True):
            assert folder.run(f"python attack.py {name}") == output


@pytest.mark.extended
def test_with_types_and_a_revocation(tmp_path: Path) -> None:
    """The typed handler answers refusals, and a disabled account loses its open socket."""
    board, door = with_types()
    folder = Folder(tmp_path, "door.py", door, board)
    for command in commands("stormdoor principals add"):
        folder.run(command)
    with folder.server:
        assert folder.run("python attack.py bob") == OUTPUTS[5]
        watching = subprocess.Popen(
            [sys.executable, "-u", "attack.py", "alice", "watch"],
            cwd=folder.path,
            stdout=subprocess.PIPE,
            text=True,
        )
        # The server reports its connections once a second; an empty list ends with 1.
        while "alice" not in folder.run("stormdoor connections list || true"):
            assert watching.poll() is None
        [disable] = commands("stormdoor principals disable")
        folder.run(disable)
        assert watching.communicate(timeout=60)[0] == OUTPUTS[6]
        assert folder.run("python attack.py alice read_notes") == OUTPUTS[7]
    assert len(OUTPUTS) == 8
