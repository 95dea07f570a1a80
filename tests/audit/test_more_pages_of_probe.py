"""The pages about endpoints, entrances and permissions: their commands are run on their servers."""

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdoor_audit.cli.main import run
from tests.docs.pages import blocks, commands, free_port, until_listening
from tests.support.project import ROOT

pytestmark = pytest.mark.extended

HOW_TO = ROOT / "docs" / "how-to"


@contextlib.contextmanager
def _served(page: str, written: str, directory: Path) -> Iterator[str]:
    """The server of the page, with its files beside it; gives the port that it has here."""
    port = str(free_port())
    first = ""
    for block in blocks(HOW_TO / page):
        if block.caption:
            text = block.text.replace(written, port)
            (directory / block.caption).write_text(text, encoding="utf-8")
            first = first or block.caption
    with subprocess.Popen([sys.executable, first], cwd=directory) as process:
        try:
            until_listening(int(port))
            yield port
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("page", "written", "codes", "shown"),
    [
        ("find-endpoints.md", "8897", [0, 1, 0, 0], ["no-credential", "/rooms/{room}"]),
        ("get-a-probe-in.md", "8896", [0, 0], ["No findings."]),
        ("who-may-do-what.md", "8895", [1], ["object-of-another"]),
    ],
)
def test_commands(
    page: str,
    written: str,
    codes: list[int],
    shown: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They end as the page says, and print the blocks that it shows; no secret is in a report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with _served(page, written, tmp_path) as port:
        ended = []
        for line in commands(HOW_TO / page):
            arguments = shlex.split(line.replace(written, port))[1:]
            more = [] if "--list" in arguments else ["--listen", "0.25"]
            ended.append(run([*arguments, *more]))
    out, err = capsys.readouterr()
    out = "\n".join(line.rstrip() for line in out.replace(port, written).splitlines())
    assert (ended, err) == (codes, "")
    assert all(one in out for one in shown)
    for block in blocks(HOW_TO / page):
        if block.language == "text" and not block.caption:
            assert block.text.strip("\n") in out
    for secret in ("3f1a9c27d5e4", "77b0c1e2d3f4", "correct horse"):
        assert secret not in out
        assert all(secret not in file.read_text("utf-8") for file in tmp_path.glob("*.html"))


def test_calls_that_make_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends with 2, and says what to write; nothing is sent."""
    monkeypatch.chdir(tmp_path)
    Path("talk.txt").write_text('>? {"type":"list"}\n')
    Path("who.toml").write_text("[identity.alice]\nbearer = 'x'\n")
    entry = {"request": {"url": "wss://192.0.2.1/x", "headers": []}, "_webSocketMessages": []}
    Path("far.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    url = "ws://127.0.0.1:1/x"
    for arguments, said in (
        ([], "--discover"),
        ([url, "--replay", "talk.txt"], "beside its owner"),
        ([url, "--replay", "talk.txt", "--bearer", "x", "--safe", "lits"], "there are: list"),
        ([url, "--identities", "who.toml", "--bearer", "x"], "leave out --cookie"),
        ([url, "--oauth", "http://127.0.0.1:1/"], "--client-id"),
        ([url, "--client-id", "x"], "give --oauth URL"),
        ([url, "--token-name", "x"], "give --token-from URL"),
        (
            [url, "--token-from", "http://127.0.0.1:1/", "--token-pattern", "("],
            "regular expression",
        ),
        (["--har", "far.har"], "--authorized 192.0.2.1"),
        (["--har", "nothing.har"], "cannot be read"),
        (["--discover", "http://192.0.2.1/"], "--authorized 192.0.2.1"),
        (["--openapi", "who.toml"], "is no JSON"),
    ):
        assert run(["probe", *arguments]) == 2, arguments
        err = capsys.readouterr().err
        assert said in " ".join(err.split()), (arguments, err)
