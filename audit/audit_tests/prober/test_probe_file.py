"""`probe.toml` holds what the options say; `stormdoor probe init` writes one that the next command reads."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from audit_tests.prober.servers import SESSIONS, Feed, probed, serving, slugs
from stormdoor_audit.cli.main import run as command

Taken = pytest.CaptureFixture[str]


class Login(RequestHandler):
    """A form, and the session that it makes."""

    def get(self) -> None:
        self.write(
            '<form method="post" action="/login"><input name="username">'
            '<input name="password" type="password"><input type="hidden" name="n" value="1"></form>'
            # Another form, as for a second factor, is no part of it.
            '<form method="post" action="/code"><input name="totp"></form>'
            '<a href="/logout?next=/">Leave</a>'
            '<script>new WebSocket("ws://" + location.host + "/ws")</script>'
        )

    def post(self) -> None:
        if (self.get_body_argument("username"), self.get_body_argument("password")) == (
            "ada",
            "l-1815",
        ):
            self.set_cookie("session", next(iter(SESSIONS)), httponly=True)


async def test_init_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Taken) -> None:
    """The file that is written is enough for the next command: an ordinary login, found by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBE_USER", "ada")
    monkeypatch.setenv("PROBE_PASSWORD", "l-1815")
    async with serving(Feed, ("/", Login), ("/login", Login)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await asyncio.to_thread(command, ["probe", "init", url]) == 0
        read = tomllib.loads((tmp_path / "probe.toml").read_text("utf-8"))
        assert read["probe"]["endpoints"] == [f"ws://127.0.0.1:{port}/ws"]
        assert read["identity"]["owner"]["login"]["field"] == {
            "username": "env:PROBE_USER",
            "password": "env:PROBE_PASSWORD",
        }
        assert read["probe"]["logout"] == "/logout"
        assert "Set PROBE_USER and PROBE_PASSWORD" in capsys.readouterr().out
        # It is not overwritten.
        assert await asyncio.to_thread(command, ["probe", "init", url]) == 2
        capsys.readouterr()
        quick = ["--listen", "0.1", "--per-second", "500", "--format", "json"]
        code = await asyncio.to_thread(command, ["probe", *quick])
    out, err = capsys.readouterr()
    assert "probe.toml is read" in err
    report = json.loads(out)
    [one] = [one for one in report["tried"] if one["rule_id"] == "SP101"]
    assert (one["outcome"], one["owned"]) == ("closed", True)
    assert code in {0, 3}
    assert "l-1815" not in out


class Scripted(RequestHandler):
    """Page with a script that logs out; another script names the logout of another server."""

    def get(self) -> None:
        self.write(
            '<script>leave = "https://other.example/logout"</script>'
            '<script>out = () => fetch("/auth/sign-out", how)</script>'
            '<script>new WebSocket("ws://" + location.host + "/ws")</script>'
        )


async def test_init_finds_a_logout_in_a_script(tmp_path: Path, capsys: Taken) -> None:
    """Many pages log out with a request of a script, and have no link to it."""
    file = tmp_path / "probe.toml"
    async with serving(Feed, ("/", Scripted)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await asyncio.to_thread(command, ["probe", "init", url, "-o", str(file)]) == 0
    assert tomllib.loads(file.read_text("utf-8"))["probe"]["logout"] == "/auth/sign-out"


async def test_options_count_before_the_file(tmp_path: Path, capsys: Taken) -> None:
    """`--config` names the file; an option of the command replaces the file's."""
    file = tmp_path / "chat.toml"
    async with serving(Feed) as port:
        file.write_text(
            f'[probe]\nendpoints = ["ws://127.0.0.1:{port}/ws"]\nlisten = 0.1\nper_second = 500\n'
            'allow_not_determined = true\nbaseline = "none.json"\n'
            '[identity.ada]\ncookie = { session = "alice-session-0123456789" }\n'
        )
        (tmp_path / "none.json").write_text('{"schema": "stormdoor-baseline/1", "findings": []}')
        assert await asyncio.to_thread(command, ["probe", "--config", str(file)]) in {0, 2}
        other = ["probe", "--config", str(file), "ws://127.0.0.1:1/nothing"]
        assert await asyncio.to_thread(command, other) == 2
    assert "127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[probe]\nendpoint = []\n", "did you mean `endpoints`"),
        ("[probe]\nlisten = true\n", "`listen` is a number"),
        ('[probe]\nfail_on = "all"\n', "`fail_on` is one of"),
        ("[probe]\n", "write endpoints"),
    ],
)
def test_bad_files(text: str, said: str, tmp_path: Path, capsys: Taken) -> None:
    """An invalid entry is named with its file before a request is sent."""
    file = tmp_path / "probe.toml"
    file.write_text(text)
    assert command(["probe", "--config", str(file)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "probe.toml" in err


class Terminal(WebSocketHandler):
    """Shows its screen when the control socket has said how large it is."""

    waiting: ClassVar[list[Any]] = []

    def open(self, *args: str, **kwargs: str) -> None:
        self.waiting.append(self)

    def on_message(self, message: str | bytes) -> None:
        """Keys, which are not read here."""


class Control(WebSocketHandler):
    """Says how large the screen is."""

    def open(self, *args: str, **kwargs: str) -> None:
        self.sized = False

    def on_message(self, message: str | bytes) -> None:
        if json.loads(message).get("cols"):
            asyncio.get_running_loop().call_later(0.05, self.show)

    def show(self) -> None:
        """Write the screen to every terminal."""
        for one in Terminal.waiting:
            if one.ws_connection is not None:
                one.write_message(b"root@host:~# ls -l", binary=True)
        Terminal.waiting.clear()


async def test_a_companion_speaks() -> None:
    """This socket delivers only after the companion has sent the messages of `--beside-say`."""
    async with serving(Terminal, ("/control", Control)) as port:
        beside = (f"ws://127.0.0.1:{port}/control",)
        said = await probed(port, beside=beside, beside_say=('{"cols": 80}',), listen=0.3)
        quiet = await probed(port, beside=beside, listen=0.3)
    assert "no-credential" in slugs(said)
    assert "no-credential" not in slugs(quiet)
