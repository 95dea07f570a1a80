"""The tutorial, read and done from top to bottom: what it says is printed is what is printed."""

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.pages import Program, blocks
from tests.support.project import ROOT
from tests.support.references import without_reference

PAGE = ROOT / "docs" / "tutorial" / "guard-a-chat.md"
CLIENT = ROOT / "examples" / "client.py"
CODE = {
    name: [block.text for block in blocks(PAGE, "python") if block.caption == name]
    for name in ("chat.py", "attack.py", "issue.py", "trail.py", "the guard")
}
COMMAND = "python ../examples/client.py ws://127.0.0.1:8888/chat"
SAY = f"""{COMMAND} '{{"type":"say","""
OUTPUTS = [block.text for block in blocks(PAGE, "text")]


class Desk:
    """Folder of a reader of the tutorial, with the server of one step."""

    def __init__(self, folder: Path, chat: str) -> None:
        self.folder = folder
        key = folder / "chat.key"
        if not key.exists():
            key.write_text(secrets.token_hex(32) + "\n")
        self.server = Program(folder, chat, "chat.py")
        for name in ("attack.py", "issue.py", "trail.py"):
            text = self.server.at_port(CODE[name][0])
            (folder / name).write_text(text, encoding="utf-8")

    def environment(self, token: str = "") -> dict[str, str]:
        """Return the environment of a client, with the token if there is one."""
        return os.environ | {"TOKEN": token}

    def run(self, *command: str, token: str = "") -> str:
        """Return the output of a command in the second terminal."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment(token),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str, *roles: str) -> str:
        """A token of the stand-in for a login."""
        return self.run("issue.py", name, *roles).strip()

    def client(self, token: str, *messages: str) -> str:
        """Return the output of the client."""
        return self.run(str(CLIENT), self.url, *messages, token=token)

    @property
    def url(self) -> str:
        """URL of the chat."""
        return f"ws://127.0.0.1:{self.server.port}/chat"


def _messages(start: str) -> list[str]:
    """The messages in the command of the page that begins with `start`."""
    [line] = [one for one in PAGE.read_text("utf-8").splitlines() if one.strip().startswith(start)]
    return re.findall(r"'(\{.*?\})'", line)


@pytest.mark.slow
def test_unguarded(tmp_path: Path) -> None:
    """Without a guard every attack succeeds, with the output that the page shows."""
    desk = Desk(tmp_path, CODE["chat.py"][0])
    with desk.server:
        assert desk.run("attack.py") == OUTPUTS[0]


@pytest.mark.extended
@pytest.mark.slow
def test_one_line(tmp_path: Path) -> None:
    """With one line, unauthenticated clients are refused, and members have limits."""
    [guard] = CODE["the guard"]
    chat = CODE["chat.py"][0].replace("async def main", f"{guard}\n\nasync def main")
    desk = Desk(tmp_path, chat)
    with desk.server:
        assert desk.run("attack.py") == OUTPUTS[1]
        token, begun = desk.token("bob", "member"), time.monotonic()
        bob = desk.run("attack.py", token=token)
        seconds = time.monotonic() - begun
        told = desk.server.stop().replace("\n", " ")
    # Forty at once and twenty a second: on a busy machine the flood lasts longer, and more get through.
    number = re.compile(r"\d+(?= of 300)")
    assert number.sub("N", bob) == number.sub("N", OUTPUTS[3])
    [through] = number.findall(bob)
    assert 75 <= int(through) < max(110, 41 + 20 * seconds)
    assert " ".join(OUTPUTS[2].split()) in told


@pytest.mark.extended
@pytest.mark.slow
def test_typed_commands(tmp_path: Path) -> None:
    """Typed commands: no false name, no crash, a limit for each action, and roles."""
    desk = Desk(tmp_path, CODE["chat.py"][1])
    with desk.server:
        bob = desk.token("bob", "member")
        fast = _messages(f'{SAY}"text":"1"')
        assert len(fast) == 7
        # Before the flood, which uses up the limit of the next seconds.
        answers, shown = desk.client(bob, *fast).splitlines(), OUTPUTS[5].splitlines()
        assert len(answers) == len(shown)
        assert answers[:5] == shown[:5]
        assert answers[-1] == shown[-1]
        assert desk.run("attack.py", token=bob) == OUTPUTS[4]
        assert desk.client(desk.token("eve", "guest"), *_messages("TOKEN=$(python")) == OUTPUTS[6]


@pytest.mark.extended
@pytest.mark.slow
def test_rooms_and_ban(tmp_path: Path) -> None:
    """A private room stays private, and a ban closes the socket and the way back."""
    desk = Desk(tmp_path, CODE["chat.py"][2])
    with desk.server:
        bob, mia = desk.token("bob", "member"), desk.token("mia", "moderator")
        joins = _messages(f"{COMMAND} --listen")
        listener = subprocess.Popen(
            [sys.executable, "-u", CLIENT, desk.url, "--listen", *joins],
            env=desk.environment(bob),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert listener.stdout is not None
        heard = [listener.stdout.readline() for _ in joins]
        assert "".join(heard) == OUTPUTS[7]
        desk.client(mia, *_messages(f'TOKEN=$MIA {SAY}"room"'))
        assert listener.stdout.readline() == OUTPUTS[8]
        tries = desk.client(bob, '{"type":"ban","principal":"mia","id":3}')
        tries += desk.client(mia, '{"type":"ban","principal":"bob","id":4}')
        last = listener.communicate(timeout=60)[0]
        # Mia's answer and the end of Bob's listener come at the same time.
        told = without_reference(tries + last)
        assert sorted(told.splitlines()) == sorted(without_reference(OUTPUTS[9]).splitlines())
        assert desk.client(bob) == OUTPUTS[10]
    trail = desk.run("trail.py")
    for line in OUTPUTS[11].splitlines():
        words = line.partition(" ")[2]
        assert words in trail, trail
