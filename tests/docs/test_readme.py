"""The README, done as it says."""

import re
from pathlib import Path

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from stormdoor import ApiKeyAuthenticator, Guard, protect
from tests.docs.pages import Program, blocks, refused, serving, shell
from tests.support.project import ROOT

README = ROOT / "README.md"
EXAMPLE = ROOT / "examples" / "chat.py"


def test_example_is_the_file() -> None:
    """The first code of the README is `examples/chat.py`, to the letter."""
    assert blocks(README, "python")[0].text == EXAMPLE.read_text(encoding="utf-8")


def test_example_is_small() -> None:
    """The guarded part of the example has about fifteen lines."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    begin, end = (
        lines.index("class Chat(GuardedHandler):"),
        lines.index("async def main() -> None:"),
    )
    assert len([line for line in lines[begin:end] if line.strip()]) <= 15


def test_five_minutes(tmp_path: Path) -> None:
    """Every command of "A guarded socket in five minutes" prints what the README says."""
    section = README.read_text(encoding="utf-8").partition("## A guarded socket in five minutes")[2]
    section = section.partition("\n## ")[0]
    typed = re.findall(r"^ {4}(\S.*)$", section, re.MULTILINE)
    commands = [one for one in typed if "examples/client.py" in one]
    printed = [one for one in typed if one.startswith(("{", "refused"))]
    assert len(commands) == 4
    with Program(tmp_path, EXAMPLE.read_text(encoding="utf-8"), "chat.py") as server:
        export = next(server.lines())
        assert export.startswith("export TOKEN=")
        script = "\n".join([export, *commands]).replace(".venv/bin/python", "python")
        output = shell(ROOT, server.at_port(script))
    assert output.splitlines() == printed


def test_the_landing_page_types_the_same() -> None:
    """Each command and output of `docs/index.md` is one of the README, in the same order."""
    typed = [
        [line for line in page.read_text("utf-8").splitlines() if line.startswith("    ")]
        for page in (README, ROOT / "docs" / "index.md")
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
