"""A kind of another distribution, installed by its metadata: in a file, in check and in explain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdoor import ConfigurationError, Guard
from stormdoor.auth.kinds import ENTRY_POINTS, KINDS, find_kind, kind_names
from stormdoor.config.check import check_file
from tests.config.files import GOOD, TRAIL_KEY, write
from tests.support import gateway
from tests.support.distributions import install_module

AT = 1_767_225_600.0
FILE = f'store = "sqlite:door.db"\ntrail_key = {{ env = "TRAIL_KEY" }}\n{gateway.CONFIGURATION}'
REQUEST = "GET /feed HTTP/1.1\nHost: app.example\nX-Gateway: {}\n{}\n"
UPGRADE = (
    "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a distribution that a user has installed beside stormdoor."""
    folder = tmp_path / "site"
    gateway.install(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("GATEWAY_SECRET", gateway.SECRET)
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    yield folder
    sys.modules.pop("acme_gateway", None)


def command(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A command of stormdoor in a process of its own, where the distribution is installed."""
    return subprocess.run(
        [sys.executable, "-m", "stormdoor", *words],
        input=typed,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_configured_in_a_file(tmp_path: Path, installed: Path) -> None:
    """The file of the guide makes the authenticator of the guide."""
    guard = Guard.from_config(write(tmp_path, FILE))
    assert [one.kind for one in guard.authenticators] == ["gateway"]
    assert "gateway" in kind_names()
    assert "gateway" not in KINDS


def test_check_knows_its_options(tmp_path: Path, installed: Path) -> None:
    """A good file has no finding about it; a misspelt option and a missing secret are found."""
    found = check_file(write(tmp_path, FILE))
    assert {one.id for one in found if one.level != "note"} == set()
    wrong = FILE.replace("roles =", "role =")
    [misspelt] = check_file(write(tmp_path, wrong))
    assert (misspelt.id, misspelt.place) == ("invalid", "authenticators[0].role")
    assert 'did you mean "roles"?' in misspelt.what
    weak = FILE.replace("GATEWAY_SECRET", "NOT_THERE")
    assert "missing-secret" in {one.id for one in check_file(write(tmp_path, weak))}


@pytest.mark.extended
def test_commands_know_it(tmp_path: Path, installed: Path) -> None:
    """`stormdoor check` and `stormdoor explain handshake` work in processes of their own."""
    path = str(write(tmp_path, FILE))
    checked = command(installed, "check", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    path = str(write(tmp_path, gateway.CONFIGURATION, name="memory.toml"))
    explain = ("explain", "handshake", "-", "feed:connect", "--at", "2026-01-01T00:00:30Z")
    for secret, status in ((gateway.SECRET, 0), ("another secret of thirty-two bytes", 1)):
        request = REQUEST.format(gateway.header("alice", AT, secret), UPGRADE)
        done = command(installed, *explain, "--config", path, typed=request)
        assert done.returncode == status, done.stdout + done.stderr
        assert "gateway" in done.stdout
        assert gateway.header("alice", AT, secret).split()[2] not in done.stdout


def test_without_the_distribution(tmp_path: Path) -> None:
    """The kind is unknown, and the message names those that there are."""
    with pytest.raises(ConfigurationError, match="there is no kind 'gateway'; write kind = "):
        Guard.from_config(write(tmp_path, FILE))


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, *entries: str) -> None:
    """Install a module `planted` with these entry points."""
    for at, entry in enumerate(entries):
        install_module(folder / f"{at}", f"planted_{at}", text, f"[{ENTRY_POINTS}]\n{entry}\n")
        monkeypatch.syspath_prepend(folder / f"{at}")
        monkeypatch.delitem(sys.modules, f"planted_{at}", raising=False)  # of another test


def test_a_broken_distribution_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that cannot be imported is reported only for files that name its kind."""
    plant(tmp_path, monkeypatch, "import not_there_at_all", "broken = planted_0:KIND")
    with pytest.raises(ConfigurationError, match="'broken' of planted-0 cannot be imported"):
        Guard.from_config(write(tmp_path, '[[authenticators]]\nkind = "broken"\n'))
    guard = Guard.from_config(write(tmp_path, '[[authenticators]]\nkind = "session"\n'))
    assert [one.kind for one in guard.authenticators] == ["session"]


def test_a_value_that_is_no_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point must lead to the `Kind` of its name."""
    plant(tmp_path, monkeypatch, "KIND = object()", "odd = planted_0:KIND")
    with pytest.raises(ConfigurationError, match="is not the Kind of the name 'odd'"):
        find_kind("odd")


def test_two_distributions_for_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If two distributions have one kind, the file is refused."""
    plant(tmp_path, monkeypatch, "", "same = planted_0:KIND", "same = planted_1:KIND")
    with pytest.raises(ConfigurationError, match="several distributions have a kind 'same'"):
        find_kind("same")


def test_no_distribution_replaces_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session cookie stays that of stormdoor, and the module is not even imported."""
    plant(tmp_path, monkeypatch, "raise SystemExit", "session = planted_0:KIND")
    assert find_kind("session") is KINDS["session"]
    assert kind_names().count("session") == 1


PLANTED = """
from stormdoor import ApiKeyAuthenticator
from stormdoor.auth.kind import Kind, Remark, Settings


class Planted(ApiKeyAuthenticator):
    kind = "planted"


class Options(Settings, frozen=True, kw_only=True):
    insecure_anything: bool = False
    weeks: int = 1


def remarks(settings, kinds):
    if settings.weeks > 4 and "session" in kinds:
        yield Remark("long", "warning", "a stolen one counts for long", "weeks = 4", ("weeks",))


KIND = Kind(
    name="planted",
    settings=Options,
    build=lambda settings, section: Planted(),
    ambient=False,
    needs_store=True,
    single_use=False,
    renewable=True,
    repeatable=False,
    default_headers=(),
    insecure={"insecure_anything": "everything is accepted"},
    remarks=remarks,
)
"""


def test_check_judges_by_its_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stormdoor check` uses the kind's declaration: dangers, remarks, and whether it may be listed twice."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    plant(tmp_path, monkeypatch, PLANTED, "planted = planted_0:KIND")
    table = '[[authenticators]]\nkind = "planted"\n'
    assert check_file(write(tmp_path, GOOD + table)) == []
    text = GOOD + table + "insecure_anything = true\nweeks = 5\n" + table
    found = {(one.id, one.level, one.place) for one in check_file(write(tmp_path, text))}
    assert found == {
        ("insecure-option", "error", "authenticators[1].insecure_anything"),
        ("long", "warning", "authenticators[1].weeks"),
        ("twice", "warning", "authenticators[2]"),
    }
    memory = (GOOD + table).replace('kind = "session"', 'kind = "planted"', 1)
    memory = memory.replace("sqlite:door.db", "memory:").replace(f"{table}", "", 1)
    lost = [one.level for one in check_file(write(tmp_path, memory)) if one.id == "memory-store"]
    assert lost == ["error"]
