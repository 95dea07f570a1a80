"""The pages about probing: what they say is run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stormdoor_audit.cli.main import run
from tests.docs.pages import blocks, commands, free_port, until_listening
from tests.support.probe_reference import PAGE, reference
from tests.support.project import ROOT

HOW_TO = ROOT / "docs" / "how-to" / "probe-a-server.md"


@pytest.mark.extended
def test_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger finds nothing; the owner's cookie shows the foreign origin; a baseline makes it known."""
    port = free_port()
    for block in blocks(HOW_TO):
        if block.caption:
            text = block.text.replace("8899", str(port))
            (tmp_path / block.caption).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    with subprocess.Popen([sys.executable, "feed.py"], cwd=tmp_path) as process:
        try:
            until_listening(port)
            codes, outputs = [], {}
            for line in commands(HOW_TO):
                name, *arguments = shlex.split(line.replace("8899", str(port)))
                assert name == "stormdoor-audit"
                quick = ["--listen", "0.3"] if arguments[0] == "probe" else []
                codes.append(run([*arguments, *quick]))
                shown = capsys.readouterr()
                assert shown.err == ""
                outputs[line] = shown.out
        finally:
            process.kill()
    assert codes == [0, 1, 1, 1, 1, 0, 0]
    assert "foreign-origin" in "".join(outputs.values())
    assert "confirmed SD201 origin-disabled  by SP201" in "".join(outputs.values())
    files = [(tmp_path / name).read_text("utf-8") for name in ("report.html", "report.sarif")]
    assert not any("3f1a9c27d5e4" in text for text in files)
    # The scan quotes the line of the source in which it stands.
    probes = [text for line, text in outputs.items() if " scan" not in line]
    assert len(probes) == 5
    assert not any("3f1a9c27d5e4" in text for text in probes)
    assert "https://attacker.example" in files[0]


def test_reference_is_up_to_date() -> None:
    """If this fails, run `python -m tests.support.probe_reference` and commit the page."""
    page = PAGE.read_text(encoding="utf-8")
    assert reference(page) == page


def test_options_that_pages_name_exist() -> None:
    """An option that `--help` does not know fails this."""
    help_text = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    named = set(re.findall(r"--[a-z][a-z-]+", HOW_TO.read_text("utf-8") + PAGE.read_text("utf-8")))
    assert {one for one in named if one not in help_text} == set()
