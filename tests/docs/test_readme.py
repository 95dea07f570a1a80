"""The README, done as it says."""

import re
import subprocess
import sys
from pathlib import Path

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import ApiKeyAuthenticator, Guard, protect
from tests.docs.pages import blocks, free_port, refused, serving, shell, until_listening
from tests.support.project import ROOT

README = ROOT / "README.md"
LANDING = ROOT / "docs" / "index.md"
_CLONE = "path/to/stormdoor"


def test_example_is_small() -> None:
    """The first code of the README is a whole program of at most 18 lines, and so is the landing page's."""
    text = blocks(README, "python")[0].text
    assert len([line for line in text.splitlines() if line.strip()]) <= 18
    assert blocks(LANDING, "python")[0].text == text


def test_doors_follow_the_example_and_one_line_that_installs() -> None:
    """Between the example and the links to the three doors stands one command."""
    after = README.read_text(encoding="utf-8").partition("```python")[2].partition("```\n")[2]
    before, _, doors = after.partition("three doors: ")
    assert re.findall(r"^ {4}(\S.*)$", before, re.MULTILINE) == [f"pip install {_CLONE}"]
    linked = re.findall(r"\(#([a-z-]+)\)", doors.partition("\n")[0])
    found = re.findall(r"^## (.+)$", doors, re.MULTILINE)[:3]
    assert linked == [one.lower().replace(" ", "-") for one in found]


def test_first_door(tmp_path: Path) -> None:
    """Every command of "My code" prints the lines of the README, with the example as it stands."""
    section = README.read_text(encoding="utf-8").partition("\n## My code")[2].partition("\n## ")[0]
    typed = re.findall(r"^ {4}(\S.*)$", section, re.MULTILINE)
    printed = [one for one in typed if one.startswith(("{", "refused"))]
    [start] = [one for one in typed if one.startswith("stormdoor serve")]
    add, *rest = [one for one in typed if one not in (start, *printed)]
    (tmp_path / "chat.py").write_text(blocks(README, "python")[0].text, encoding="utf-8")
    shell(tmp_path, add)
    port = free_port()
    command = [*start.split()[1:], "--port", str(port)]
    with (tmp_path / "output.txt").open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "stormdoor", *command],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until_listening(port)
        script = "\n".join(rest).replace(_CLONE, str(ROOT)).replace(":8888", f":{port}")
        assert shell(tmp_path, script).splitlines() == printed
    finally:
        server.terminate()
        server.wait(20)


def test_the_landing_page_types_the_same() -> None:
    """Each command and output of `docs/index.md` is one of the README, in the same order."""
    typed = [
        [line for line in page.read_text("utf-8").splitlines() if line.startswith("    ")]
        for page in (README, LANDING)
    ]
    rest = iter(typed[0])
    assert len(typed[1]) >= 8
    assert [line for line in typed[1] if line not in rest] == []


class _Feed(WebSocketHandler):
    """A handler as it was before."""


async def test_one_liner() -> None:
    """The one line guards an application that was there before."""
    app = Application([("/feed", _Feed)])
    guard = Guard(authenticators=[ApiKeyAuthenticator()])
    [_, block] = blocks(README, "python")
    exec(block.text, {"app": app, "guard": guard, "protect": protect})  # noqa: S102 - our own page
    async with serving(app, guard) as host:
        assert await refused(f"ws://{host}/feed") == 401
