"""The committed command for the pictures of terminals takes them from real output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.terminal import FOLDER, NAMES, take

SHOWN = {
    "terminal-run": "log in at http://127.0.0.1:8888/auth/login",
    "terminal-check": 'did you mean "connections"?',
    "terminal-probe": "SP101",
    "terminal-demo": "ready http://127.0.0.1:8765/",
}


@pytest.mark.extended
@pytest.mark.parametrize("name", NAMES)
def test_the_command_takes_the_picture(name: str, tmp_path: Path) -> None:
    """The new picture and the committed one show the same line, and load nothing."""
    for picture in (take(name, tmp_path), FOLDER / f"{name}.svg"):
        text = picture.read_text("utf-8")
        shown = "\n".join(re.findall(r"<text [^>]*>([^<]*)</text>", text))
        shown = shown.replace("&#160;", " ").replace("&quot;", '"')
        assert SHOWN[name] in shown
        assert "url(http" not in text
