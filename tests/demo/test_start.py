"""From the first start to the last: what a start makes, what it keeps, and how it ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormdoor import ConfigurationError
from stormdoor.demo import server
from stormdoor.demo.people import settle
from stormdoor.demo.port import main
from stormdoor.demo.server import Demo
from tests.demo.running import PEOPLE, Running, command, running, start
from tests.demo.visitor import collected
from tests.docs.pages import free_port
from tests.support.project import ROOT

CREDENTIALS = "demo-credentials.json"
SECRETS = "demo-secrets.json"


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


# -- the first start ---------------------------------------------------------------------------------


def test_the_credentials_are_for_the_owner_only(demo: Running) -> None:
    """Other users of the machine cannot read the passwords, the secrets or the database."""
    assert {path.name: oct(mode(path)) for path in demo.data.iterdir() if mode(path) & 0o077} == {}
    assert mode(demo.data / CREDENTIALS) == 0o600
    assert mode(demo.data) == 0o700


def test_credentials_of_all_demo_principals(demo: Running) -> None:
    """Five principals with their roles, and the key of the sensor."""
    known = demo.credentials
    roles = {name: person["roles"] for name, person in known["principals"].items()}
    assert roles == PEOPLE
    assert list(known["api_keys"]) == ["sensor"]


def test_the_passwords_are_random(demo: Running) -> None:
    """The passwords differ, and each is too long to guess."""
    passwords = [person["password"] for person in demo.credentials["principals"].values()]
    assert len(set(passwords)) == len(PEOPLE)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{16,}", password) for password in passwords)


def test_it_says_where_it_listens_and_how_to_log_in(demo: Running) -> None:
    """The terminal says who there is, where the passwords are, and then that it is ready."""
    text = re.sub(r"\s+", " ", demo.output)
    assert f"ready {demo.origin}/" in demo.output.splitlines()
    before = text.partition("ready ")[0]
    assert all(name in before for name in [*PEOPLE, "sensor"])
    assert CREDENTIALS in before.replace(" ", "")


def test_a_file_gets_no_password(made_output: str, made: dict[str, bytes]) -> None:
    """The first start prints no password if its output is not a terminal."""
    people = json.loads(made[CREDENTIALS])["principals"]
    assert CREDENTIALS in made_output
    assert not [name for name, one in people.items() if one["password"] in made_output]


def on_a_terminal(data: Path) -> str:
    """Start the demo on a terminal, stop it when it is ready, and return what the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(0, data), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown = b""
    try:
        # Linux answers with an error when the last process has closed the terminal.
        with contextlib.suppress(OSError):
            while more := os.read(master, 4096):
                shown += more
                if b"ready http" in shown and process.poll() is None:
                    process.terminate()
        assert process.wait(60) == 0, shown
    finally:
        process.kill()
        os.close(master)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.extended
def test_a_terminal_gets_the_passwords_once(tmp_path: Path) -> None:
    """The first start shows each name with its password, the second shows where they are."""
    data = tmp_path / "data"
    first = on_a_terminal(data)
    people = json.loads((data / CREDENTIALS).read_text())["principals"]
    assert set(people) == set(PEOPLE)
    for name, one in people.items():
        assert re.search(rf"^ +{name} +{re.escape(one['password'])} ", first, re.MULTILINE), first
    second = on_a_terminal(data)
    assert CREDENTIALS in second
    assert not [name for name, one in people.items() if one["password"] in second]


def test_the_start_up_check_has_no_remark(demo: Running) -> None:
    """The demo is configured as the guard asks of an application."""
    assert "start-up check" not in demo.output


async def test_it_listens_on_loopback_only(demo: Running) -> None:
    """The demo listens on loopback only."""
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in addresses - {"127.0.0.1", "127.0.1.1", "::1"}:
        with socket.socket(socket.AF_INET6 if ":" in str(address) else socket.AF_INET) as sock:
            sock.settimeout(2.0)
            assert sock.connect_ex((address, demo.port)) != 0


# -- the next ones -----------------------------------------------------------------------------------


@pytest.mark.extended
async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """Passwords, key, sessions, tokens and the trail are what they were; logouts stay logouts."""
    with running(tmp_path / "data") as first:
        files = {name: (first.data / name).read_bytes() for name in (CREDENTIALS, SECRETS)}
        alice, bob = await first.visit("alice"), await first.visit("bob")
        stays, ended = await alice.token(), await bob.token()
        was = dict(bob.cookies)
        await bob.log_out()
        assert first.stop() == 0
        entries = first.entries()
    with running(tmp_path / "data", port=first.port) as second:
        assert {name: (second.data / name).read_bytes() for name in files} == files
        assert second.entries()[: len(entries)] == entries
        assert (await alice.get("/auth/session")).status == 200
        async with await alice.open() as wire:
            assert (await wire.ask({"type": "join", "room": "lobby"}))["type"] == "joined"
        async with await second.visitor().with_key(stays, "/ws/chat") as wire:
            assert wire.status == 101
        assert await bob.twin(**was).refused() == 401
        async with await second.visitor().with_key(ended, "/ws/chat") as wire:
            assert wire.status == 401
        await second.visit("bob")
        async with await second.visitor().with_key(second.sensor_key) as wire:
            assert wire.status == 101


@pytest.mark.extended
async def test_without_the_file_there_are_new_passwords(tmp_path: Path) -> None:
    """Without the file of credentials the demo makes new passwords and a new key; the old ones fail."""
    with running(tmp_path / "data") as first:
        before = first.credentials
        alice = await first.visit("alice")
        assert first.stop() == 0
    (tmp_path / "data" / CREDENTIALS).unlink()
    with running(tmp_path / "data", port=first.port) as second:
        after = second.credentials
        assert mode(second.data / CREDENTIALS) == 0o600
        for name in PEOPLE:
            assert after["principals"][name]["password"] != before["principals"][name]["password"]
        old = {"username": "alice", "password": before["principals"]["alice"]["password"]}
        assert (await second.visitor().post("/auth/login", old)).status == 401
        assert await alice.refused() == 401
        async with await second.visitor().with_key(before["api_keys"]["sensor"]) as wire:
            assert wire.status == 401
        await second.visit("alice")
        async with await second.visitor().with_key(after["api_keys"]["sensor"]) as wire:
            assert wire.status == 101


@pytest.mark.extended
async def test_without_the_database_the_passwords_are_the_same(tmp_path: Path) -> None:
    """Without the database the demo makes the same principals with the same passwords."""
    with running(tmp_path / "data") as first:
        alice = await first.visit("alice")
        assert first.stop() == 0
    for path in (tmp_path / "data").glob("demo.db*"):
        path.unlink()
    with running(tmp_path / "data", port=first.port) as second:
        assert await alice.refused() == 401
        await second.visit("alice")
        async with await second.visitor().with_key(second.sensor_key) as wire:
            assert wire.status == 101


# -- what is damaged ---------------------------------------------------------------------------------


def _without(*path: str) -> Callable[[Any], Any]:
    def spoil(value: Any) -> Any:
        inner = value
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        return value

    return spoil


def _with(name: str, new: Any) -> Callable[[Any], Any]:
    return lambda value: {**value, name: new}


DAMAGE: dict[str, tuple[str, bytes | Callable[[Any], Any]]] = {
    "credentials, no JSON": (CREDENTIALS, b"{"),
    "credentials, empty": (CREDENTIALS, b""),
    "credentials, no text": (CREDENTIALS, b"\xff\xfe\x00"),
    "credentials, a list": (CREDENTIALS, b"[]"),
    "credentials, no passwords": (CREDENTIALS, _with("principals", {"alice": {}})),
    "credentials, no principals": (CREDENTIALS, _without("principals")),
    "credentials, no key": (CREDENTIALS, _without("api_keys", "sensor")),
    "credentials, a key that is none": (CREDENTIALS, _with("api_keys", {"sensor": "abc"})),
    "credentials, a password that is too short": (
        CREDENTIALS,
        lambda value: {**value, "principals": {"alice": {"password": "a", "roles": []}}},
    ),
    "secrets, no JSON": (SECRETS, b"nonsense"),
    "secrets, no hex": (SECRETS, _with("token_key", "not hex")),
    "secrets, an empty one": (SECRETS, _with("trail_key", "")),
    "secrets, a short one": (SECRETS, _with("token_key", "abcd")),
    "secrets, a missing one": (SECRETS, _without("trail_key")),
}


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A demo that was started for the first time, its output a file, and stopped."""
    with running(tmp_path_factory.mktemp("made") / "data") as one:
        pass
    return one


@pytest.fixture(scope="module")
def made_output(first_start: Running) -> str:
    """The output of the first start."""
    return first_start.output


@pytest.fixture(scope="module")
def made(first_start: Running) -> dict[str, bytes]:
    """The two files of an earlier start; the database is gone."""
    return {name: (first_start.data / name).read_bytes() for name in (CREDENTIALS, SECRETS)}


def spoilt(damage: str, made: dict[str, bytes], data: Path) -> Path:
    """A directory with one damaged file; which one."""
    name, spoil = DAMAGE[damage]
    data.mkdir(mode=0o700)
    for one, content in made.items():
        (data / one).write_bytes(content)
    path = data / name
    if isinstance(spoil, bytes):
        path.write_bytes(spoil)
    else:
        path.write_text(json.dumps(spoil(json.loads(made[name]))))
    return path


def check_complaint(text: str, path: Path, made: dict[str, bytes]) -> None:
    """Check that the error names the file and the remedy, and shows no content of the file."""
    assert path.name in text
    assert "remove" in text
    known = json.loads(made[CREDENTIALS])
    passwords = [person["password"] for person in known["principals"].values()]
    kept = [*passwords, known["api_keys"]["sensor"], *json.loads(made[SECRETS]).values()]
    assert not [secret for secret in kept if secret in text]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_file_is_named(damage: str, made: dict[str, bytes], tmp_path: Path) -> None:
    """A damaged file is not overwritten; the error names the file and the remedy."""
    path = spoilt(damage, made, tmp_path / "data")
    before = path.read_bytes()

    async def begin() -> None:
        origins = ["http://127.0.0.1:1"]
        one = Demo(origins=origins, foreign_origin=None, data=path.parent, store="memory:")
        async with one.guard:
            await settle(one.guard, path.parent)

    with pytest.raises(ConfigurationError) as caught:
        await begin()
    check_complaint(str(caught.value), path, made)
    assert path.read_bytes() == before


@pytest.mark.extended
@pytest.mark.parametrize("damage", ["credentials, no JSON", "secrets, no hex"])
def test_with_a_damaged_file_it_does_not_start(
    damage: str, made: dict[str, bytes], tmp_path: Path
) -> None:
    """The process ends with a sentence, and not with a traceback; it never listens."""
    path = spoilt(damage, made, tmp_path / "data")
    one = start(path.parent)
    assert one.wait_ended() != 0
    text = one.output.replace("\n", "")
    check_complaint(text, path, made)
    assert "Traceback" not in text
    assert "ready" not in text
    assert "Warning" not in text


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """If the port is taken, the demo does not start and prints the reason in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = start(tmp_path / "data", port=taken.getsockname()[1])
        assert one.wait_ended() != 0
    assert "in use" in one.output
    assert "--port" in one.output
    assert "Traceback" not in one.output


def make_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `make demo` in a clone that has no environment yet."""
    for name in ("Makefile", "src/stormdoor/demo/port.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(
        ["make", "demo", f"PYTHON={sys.executable}", f"ARGS={' '.join(arguments)}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("form", ["--port {}", "--port={}", "--quiet --port {} --data other"])
def test_make_checks_the_port_before_it_installs(form: str, tmp_path: Path) -> None:
    """`make demo` with a port in use names the option, and creates no environment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = make_demo(tmp_path, form.format(port))
    assert done.returncode != 0
    assert f"port {port}: Address already in use" in done.stderr
    assert "--port 9" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_installs_if_the_port_is_free(tmp_path: Path) -> None:
    """With a free port `make demo` goes on: here to the requirements, which this folder does not have."""
    done = make_demo(tmp_path, "--port", str(free_port()))
    assert "requirements/runtime.txt" in done.stderr


@pytest.mark.parametrize("arguments", ["--help", "--port nine", "--port", "--host nothing.invalid"])
def test_other_mistakes_are_left_to_the_demo(arguments: str) -> None:
    """The check of the port reports nothing else: the demo has better messages."""
    assert main(arguments.split()) == 0


# -- the end -----------------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_it_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """A signal closes every socket with 1001, completes the trail, and exits with 0."""
    with running(tmp_path / "data") as one:
        alice, ada = await one.visit("alice"), await one.visit("ada")
        async with (
            await alice.open() as chat,
            await ada.open("/ws/dashboard") as dashboard,
            await one.visitor().with_key(one.sensor_key) as sensor,
            await alice.dial() as silent,
        ):
            await chat.ask({"type": "join", "room": "lobby"})
            one.process.send_signal(number)
            assert [await wire.close_code() for wire in (chat, dashboard, sensor)] == [1001] * 3
            await collected(silent)
        assert one.wait_ended() == 0
        assert "Traceback" not in one.output
        names = [entry["name"] for entry in one.entries()]
        assert names[-1] == "sys_shutdown"
        assert names.count("connection_opened") == names.count("connection_closed") == 3
        closed = {entry["cause"] for entry in one.entries() if entry["name"] == "connection_closed"}
        assert closed == {"shutdown"}
        with one.database() as database:
            assert database.execute("SELECT COUNT(*) FROM live_connection").fetchone() == (0,)


@pytest.mark.extended
def test_two_installations_share_no_secret(made: dict[str, bytes], demo: Running) -> None:
    """Two installations have no generated secret in common."""
    one = json.loads(made[CREDENTIALS]), json.loads(made[SECRETS])
    other = demo.credentials, demo.secrets

    def secrets(known: tuple[Any, Any]) -> set[str]:
        people = (person["password"] for person in known[0]["principals"].values())
        return set(itertools.chain(people, known[0]["api_keys"].values(), known[1].values()))

    assert not secrets(one) & secrets(other)


def test_the_printed_command_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `make demo`, PATH lacks the command, so the demo prints it with its folder."""
    monkeypatch.setenv("PATH", "/nonexistent")
    printed = server._how_to_probe("http://127.0.0.1:8765", Path("identities.toml"))
    program = shlex.split(printed.partition(": ")[2])[0]
    assert Path(program).is_file()
