"""`stormdoor trail`: shown, verified, exported, shortened."""

import asyncio
import csv
import io
import json
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stormdoor import Guard
from stormdoor.core import trail_filter
from stormdoor.core.event import Event
from stormdoor.guard.trail_verification import verify_trail
from stormdoor.stores.memory import MemoryStore
from tests.cli.conftest import Cli
from tests.config.files import TRAIL_KEY

KEY = TRAIL_KEY.encode()


def _append(config: Path, events: Sequence[Event]) -> None:
    async def append() -> None:
        guard = Guard(store=f"sqlite:{config.parent}/door.db", trail_key=KEY)
        await guard.state.open()
        await guard.state.trail.append_events(events)
        await guard.state.close()

    asyncio.run(append())


def _tamper(config: Path, statement: str) -> None:
    database = sqlite3.connect(config.parent / "door.db")
    triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        database.execute(f'DROP TRIGGER "{name}"')
    database.execute(statement)
    database.commit()
    database.close()


def test_show(populated: Cli) -> None:
    """The newest entries, the oldest of them first, at 80 columns."""
    result = populated("trail", "show", "-n", "2")
    assert result.code == 0
    assert "user_created  mia by cli:" in result.out
    assert result.out.index("mia") < result.out.index("sensor")
    assert "alice" not in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_show_selected_entries(populated: Cli) -> None:
    """`show` selects entries by principal, by event name, and after a sequence number."""
    populated("principals", "disable", "mia")
    rows = populated("trail", "show", "--principal", "mia", "--json").json
    assert [one["name"] for one in rows] == ["user_created", "user_updated", "authn_token_revoked"]
    assert len(populated("trail", "show", "--event", "user_created", "--json").json) == 3
    assert populated("trail", "show", "--after", "5").code == 1
    assert populated("trail", "show", "-n", "0").code == 2


SEARCHED = {
    # Options: the details of the entries that they find
    ("--event", "authn_login_fail"): ["b"],
    ("--cause", "origin-not-allowed"): ["c", "d"],
    ("--address", "192.0.2.7"): ["a", "c"],
    ("--endpoint", "/ws/chat"): ["a"],
    ("--node", "web-2"): ["b", "d"],
    ("--ref", "K3V9Q1X7ZA"): ["c"],
    ("--since", "2023-11-14T22:13:22"): ["c", "d"],
    ("--until", "2023-11-14T23:13:21+01:00"): ["a"],
    (
        "--since",
        "2023-11-14T22:13:21Z",
        "--cause",
        "origin-not-allowed",
        "--address",
        "192.0.2.7",
    ): ["c"],
}
"""One entry a second from 22:13:20 UTC on, since 2023-11-14."""


@pytest.fixture
def searched(populated: Cli, config: Path) -> Cli:
    """A command line beside a trail of three entries of today and four older ones."""
    first = 1_700_000_000.0
    _append(
        config,
        [
            Event(time=first, name="x", address="192.0.2.7", endpoint="/ws/chat", detail="a"),
            Event(time=first + 1, name="authn_login_fail", node="web-2", detail="b"),
            Event(
                time=first + 2,
                name="x",
                cause="origin-not-allowed",
                address="192.0.2.7",
                ref="K3V9Q1X7ZA",
                detail="c",
            ),
            Event(time=first + 3, name="x", cause="origin-not-allowed", node="web-2", detail="d"),
        ],
    )
    return populated


@pytest.mark.parametrize("options", SEARCHED, ids=" ".join)
def test_searches(options: tuple[str, ...], searched: Cli) -> None:
    """`show` and `export` find the entries that fit all options."""
    old = ("--until", "2024-01-01") if "--until" not in options else ()  # without `populated`
    for command in ("show", "export"):
        result = searched("trail", command, *options, *old, "--json")
        rows = (
            result.json
            if command == "show"
            else [json.loads(one) for one in result.out.split("\n")[:-1]]
        )
        assert [one["detail"] for one in rows] == SEARCHED[options]


def test_node_is_shown(searched: Cli) -> None:
    """Rows for scripts have the node; the text of an entry has it in a store of several nodes."""
    assert [one["node"] for one in searched("trail", "show", "--node", "web-2", "--json").json] == [
        "web-2",
        "web-2",
    ]
    assert "node" not in searched("trail", "show", "--node", "web-2").out


def test_entries_of_a_command_have_its_node(populated: Cli) -> None:
    """Each command is a process of its own, and its entries name it."""
    [first] = {one["node"] for one in populated("trail", "show", "--json").json}
    populated("principals", "disable", "mia")
    [second] = {one["node"] for one in populated("trail", "show", "--after", "3", "--json").json}
    assert first
    assert second not in ("", first)
    assert populated("trail", "show", "--node", first, "--json").json[-1]["seq"] == 3


def test_unknown_cause_is_named(searched: Cli) -> None:
    """A misspelt cause does not look like a search that found nothing: the causes are listed."""
    result = searched("trail", "show", "--cause", "origin\x1b[31m")
    assert result.code == 1
    assert r"'origin\x1b[31m' is no cause of a refusal. Those are: malformed, " in result.err
    assert "is no cause" not in searched("trail", "show", "--cause", "busy").err


def _command(text: str) -> list[str]:
    """Return the arguments of the command that a search printed to continue."""
    program, *arguments = shlex.split(text.splitlines()[-1])
    assert program == "stormdoor"
    return arguments


def test_a_bounded_search_says_how_far_it_looked(
    searched: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that no index serves stops, and its cursor continues where it stopped."""
    monkeypatch.setattr(trail_filter, "READ", 1)
    monkeypatch.setattr("stormdoor.cli.trail._PAGES", 2)
    first = searched("trail", "show", "--endpoint", "/ws/chat")
    assert (first.code, first.out) == (1, "")
    assert "0 found back to entry 6, 2023-11-14 22:13:22." in first.err
    command = _command(first.err)
    assert command[:3] == ["trail", "show", "--endpoint=/ws/chat"]
    second = searched(*command, "--json")
    assert [one["detail"] for one in second.json] == ["a"]
    assert searched("trail", "export", "--endpoint", "/ws/chat").out.count("\n") == 1


def test_a_full_page_of_a_search_is_continued(searched: Cli) -> None:
    """`show` finds the newest entries that fit, and then those before them."""
    first = searched("trail", "show", "--cause", "origin-not-allowed", "-n", "1", "--json")
    assert [one["detail"] for one in first.json] == ["d"]
    rows = searched(*_command(first.err)).json
    assert [one["detail"] for one in rows] == ["c"]


@pytest.mark.parametrize(
    "options",
    [
        ("--cursor", "x"),
        ("--cursor", "5"),
        ("--cursor", "5/nan"),
        ("--cursor", f"{2**63}/1.0"),
        ("--since", "yesterday"),
        ("--follow", "--cursor", "5/1.0"),
        ("--ref", ""),
        ("--ref", "7GQ2M4XK9"),
        ("--ref", "7GQ2M4XK9%"),
        ("--ref", "7GQ2M4XK9U"),
    ],
    ids=" ".join,
)
def test_show_refuses_malformed_options(options: tuple[str, ...], populated: Cli) -> None:
    """A malformed cursor, time or reference is an error of usage."""
    assert populated("trail", "show", *options).code == 2


def test_the_former_option_names_the_new_one(populated: Cli) -> None:
    """`--name` ends with the option to write instead, for both commands."""
    for command in ("show", "export"):
        result = populated("trail", command, "--name", "user created")
        assert result.code == 2
        assert "--name is --event now; write --event 'user created'" in result.err


def test_the_continuing_command_has_all_options(
    searched: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed command has the installation, too, and quotes the values of options."""
    monkeypatch.setattr(trail_filter, "READ", 1)
    monkeypatch.setattr("stormdoor.cli.trail._PAGES", 1)
    given = ("--endpoint=-x y", "--after", "1", "-n", "7", "--config", str(config))
    result = searched("trail", "show", *given, "--json")
    command = _command(result.err)
    assert command[2:5] == ["--endpoint=-x y", "--last=7", "--after=1"]
    assert command[5] == "--json"
    assert command[-2:] == ["--config", str(config)]
    assert searched(*command).code == 1


def test_show_all_of_an_event(populated: Cli, config: Path) -> None:
    """All fields of an entry are printed, with control characters escaped."""
    event = Event(
        time=1_700_000_000.0,
        name="authz_fail",
        cause="forbidden",
        endpoint="/ws/chat",
        permission="chat:kick",
        kind="session",
        policies=("no-kicks",),
        count=3,
        principal="eve\x1b]0;owned\x07",
        address="192.0.2.9",
        connection="c1",
        detail="\u202egnp.exe",
    )
    _append(config, [event])
    out = populated("trail", "show", "-n", "1").out
    for part in ("2023-11-14 22:13:20", "authz_fail ×3", "192.0.2.9", "no-kicks", "connection c1"):
        assert part in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_verify(populated: Cli) -> None:
    """A whole trail is called whole, and its head is printed."""
    result = populated("trail", "verify")
    assert result.code == 0
    assert result.out.startswith("The trail is whole: 3 entries.\nhead 3:")
    assert populated("trail", "verify", "--json").json == {
        "whole": True,
        "faults": [],
        "entries": 3,
        "erased": 0,
        "anchor": f"0:{'0' * 64}",
        "head": result.out.split()[-1],
        "keyed": True,
    }


CHANGES = {
    # Change of the file by an attacker: message of the verification
    "UPDATE trail SET body = replace(body, 'user', 'XXXX') WHERE seq = 2": "entry 2 was changed",
    "UPDATE trail SET personal = x'7b7d' WHERE seq = 2": "the personal part of entry 2 was changed",
    "DELETE FROM trail WHERE seq = 2": "entry 2 is missing (found 3)",
    "DELETE FROM trail WHERE seq = 3": "the trail was cut off",
    "UPDATE trail SET hash = 'x' WHERE seq = 3": "entry 3 is damaged",
    "UPDATE trail SET principal = NULL WHERE seq = 2": "what entry 2 is found by was changed",
    "UPDATE trail SET name = 'x' WHERE seq = 2": "what entry 2 is found by was changed",
}


def test_a_hidden_entry_is_found(populated: Cli, config: Path) -> None:
    """A search misses an entry with a changed `principal` column; the verification reports it."""
    assert len(populated("trail", "show", "--principal", "mia", "--json").json) == 1
    _tamper(config, "UPDATE trail SET principal = 'nobody' WHERE principal = 'mia'")
    assert populated("trail", "show", "--principal", "mia").code == 1
    result = populated("trail", "verify")
    assert result.code == 1
    assert "a search may miss it" in result.out


@pytest.mark.parametrize("statement", CHANGES)
def test_verify_tampered(statement: str, populated: Cli, config: Path) -> None:
    """A changed trail ends the command with 1, and the place is named."""
    _tamper(config, statement)
    result = populated("trail", "verify")
    assert result.code == 1
    assert CHANGES[statement] in result.out or "damaged" in result.out or "changed" in result.out
    assert "The trail is not whole." in result.out


def test_head_shows_what_was_cut_off(populated: Cli, config: Path) -> None:
    """A head from before reveals a shorter trail that was computed with the key."""
    head = populated("trail", "verify", "--json").json["head"]
    _tamper(config, "DELETE FROM trail WHERE seq = 3")
    _tamper(
        config,
        "UPDATE trail_state SET head_seq = 2, head_hash = (SELECT hash FROM trail WHERE seq = 2)",
    )
    assert populated("trail", "verify").code == 0, "by itself it looks whole"
    result = populated("trail", "verify", "--head", head)
    assert result.code == 1
    assert "entry 3 is missing: the trail ends at 2, and was longer once" in result.out


def test_head_of_another_trail(populated: Cli) -> None:
    """A head must be part of the trail; one that still is, is."""
    head = populated("trail", "verify", "--json").json["head"]
    populated("principals", "disable", "mia")
    assert populated("trail", "verify", "--head", head).code == 0
    other = head[:2] + head[2:][::-1]
    assert "another than the one" in populated("trail", "verify", "--head", other).out
    assert populated("trail", "verify", "--head", "3:xyz").code == 2


def test_wrong_key(populated: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another key every entry fails, and the message names the likely reason."""
    monkeypatch.setenv("TRAIL_KEY", "x" * 40)
    result = populated("trail", "verify")
    assert result.code == 1
    assert "the key is probably another one" in result.err


def test_no_key(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail without a key is verified, and what that is worth is said."""
    store = f"sqlite:{config.parent}/plain.db"
    monkeypatch.delenv("STORMDOOR_CONFIG")
    cli("principals", "add", "a", "--no-password", "--store", store)
    result = cli("trail", "verify", "--store", store)
    assert result.code == 0
    assert "could have computed it again" in result.err


async def test_many_faults_are_counted() -> None:
    """A trail of which nothing fits is told in a few lines."""
    store = MemoryStore(KEY)
    await store.open()
    await store.append_events([Event(time=float(n), name="x") for n in range(1500)])
    told: list[tuple[int, int]] = []
    result = await verify_trail(
        store, key=b"x" * 32, progress=lambda done, total: told.append((done, total))
    )
    assert result.all_fail
    assert len(result.faults) == 11
    assert result.faults[-1] == "and 1490 entries more"
    assert told == [(1000, 1500), (1500, 1500)]
    sound = await verify_trail(store, key=KEY)
    assert (sound.faults, sound.entries) == ((), 1500)


def test_export_lines(populated: Cli, tmp_path: Path) -> None:
    """Every entry is one JSON object on its line."""
    lines = populated("trail", "export").out.splitlines()
    assert [json.loads(line)["principal"] for line in lines] == ["alice", "mia", "sensor"]
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]


def test_export_to_a_file(populated: Cli, tmp_path: Path) -> None:
    """The file holds personal data: it is made for its owner."""
    path = tmp_path / "trail.jsonl"
    result = populated("trail", "export", "-o", str(path))
    assert (result.code, result.out) == (0, "")
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3
    assert populated("trail", "export", "-o", str(tmp_path / "no" / "x")).code == 2


def test_export_for_a_spreadsheet(populated: Cli, config: Path) -> None:
    """A CSV export does not contain a formula that a client chose as its name."""
    names = ["=HYPERLINK(1)", "+1", "-1", "@x", "plain"]
    _append(config, [Event(time=1.0, name="x", principal=one, detail="a,b") for one in names])
    out = populated("trail", "export", "--format", "csv", "--event", "x").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [one["principal"] for one in rows] == [
        "'=HYPERLINK(1)",
        "'+1",
        "'-1",
        "'@x",
        "plain",
    ]
    assert rows[0]["detail"] == "a,b"


def test_export_nothing(populated: Cli) -> None:
    """An export without entries ends with 1."""
    assert populated("trail", "export", "--event", "zzz").code == 1


def test_retain(populated: Cli, config: Path) -> None:
    """`trail retain` drops older entries, the rest verifies, and the trail records the cut."""
    assert populated("trail", "retain", "--days", "1").code == 2
    assert populated("trail", "retain", "--days", "0", "-y").code == 2
    assert populated("trail", "retain", "--days", "1", "-y", "--json").json == {"dropped": 0}
    head = populated("trail", "verify", "--json").json["head"]
    _append(config, [Event(time=1.0, name="x")])
    assert (
        populated("trail", "retain", "--days", "0.0000001", "-y").out == "4 entries were dropped.\n"
    )
    result = populated("trail", "verify")
    assert result.code == 0
    assert "after entry 4" in result.out
    (entry,) = populated("trail", "show", "--json").json
    assert (entry["name"], entry["detail"]) == ("trail_retention", "4 entries dropped")
    assert "dropped by retention" in populated("trail", "verify", "--head", head).out


def test_erase(populated: Cli) -> None:
    """A person is gone from the trail, and the chain still holds."""
    assert populated("trail", "erase", "mia").code == 2
    result = populated("trail", "erase", "mia", "-y")
    assert result.out == "mia was erased from 1 entries.\n"
    assert "still in the store" in result.err
    assert "mia" not in populated("trail", "export").out
    assert "(erased)" in populated("trail", "show").out
    verified = populated("trail", "verify", "--json").json
    assert (verified["whole"], verified["erased"]) == (True, 1)
    assert populated("trail", "erase", "nobody", "-y").code == 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_follow(populated: Cli, config: Path, form: tuple[str, ...]) -> None:
    """`trail show --follow` prints new entries until an interrupt."""
    command = ["trail", "show", "--follow", "-n", "1", *form]
    # Where the tests run in the background, a shell has them ignore it.
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{begin}; from stormdoor.cli.main import main; main()", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        assert "sensor" in shown.stdout.readline()
        _append(config, [Event(time=1.0, name="added", principal="zoe")])
        line = next(one for one in shown.stdout if "added" in one)
        assert "zoe" in line
        shown.send_signal(signal.SIGINT)
        assert shown.wait(20) == 130
        assert shown.stderr.read() == ""


def test_progress(populated: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal, a bar shows the progress of the verification, and disappears at the end."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    result = populated("trail", "verify")
    assert result.code == 0
    assert "3/3" in result.err
    assert "3/3" not in result.out
