"""silent-attack: the trail lacks an entry, or an attacker changed the trail."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stormdoor.cli.main import run
from stormdoor.core.event import link
from tests.attacks.twin import Chat, LogIn, log_in, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import PEOPLE, Running, running
from tests.demo.visitor import answer


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Return the database of a stopped demo, with entries in its trail."""

    async def happen(demo: Running) -> None:
        for name in PEOPLE:
            visitor = await demo.visit(name)
            await visitor.refused("/ws/dashboard", origin="https://evil.example")
            async with await visitor.handshake("/ws/dashboard") as wire:
                if wire.status == 101:
                    await answer(wire, {"type": "nonsense"})

    with running(tmp_path_factory.mktemp("demo") / "data") as demo:
        asyncio.run(happen(demo))
        assert demo.stop() == 0
    return demo


@pytest.fixture
def trail(ended: Running, tmp_path: Path) -> Path:
    """Return a copy of the database of the demo."""
    path = tmp_path / "demo.db"
    with (
        contextlib.closing(sqlite3.connect(ended.data / "demo.db")) as source,
        contextlib.closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
    path.chmod(0o600)
    return path


Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(ended: Running, trail: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run `stormdoor trail verify` on the copy. Returns its exit code and its output."""
    key = trail.with_name("key")
    key.write_text(f"hex:{ended.secrets['trail_key']}")
    key.chmod(0o600)
    installation = ["--store", f"sqlite:///{trail}", "--trail-key-file", str(key)]

    def verified(*options: str) -> tuple[int, str]:
        code = run(["trail", "verify", *installation, *options])
        said = capsys.readouterr()
        return code, said.out + said.err

    return verified


@contextlib.contextmanager
def intruder(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection of an attacker who can write to the file and has removed the triggers."""
    connection = sqlite3.connect(path)
    triggers = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    connection.commit()
    connection.close()


def _first(connection: sqlite3.Connection) -> int:
    query = "SELECT seq FROM trail WHERE name = 'malicious_cors' ORDER BY seq"
    return int(connection.execute(query).fetchone()[0])


def change_cause(connection: sqlite3.Connection) -> None:
    """Change the cause of a refusal."""
    connection.execute(
        "UPDATE trail SET body = replace(CAST(body AS TEXT), 'origin-not-allowed', 'forbidden')"
        " WHERE seq = ?",
        [_first(connection)],
    )


def change_principal(connection: sqlite3.Connection) -> None:
    """Replace the principal of an entry with another one."""
    connection.execute(
        "UPDATE trail SET personal = CAST(replace(CAST(personal AS TEXT), 'alice', 'carla') AS BLOB)"
    )


def remove_one(connection: sqlite3.Connection) -> None:
    """Remove an entry."""
    connection.execute("DELETE FROM trail WHERE seq = ?", [_first(connection)])


def remove_and_renumber(connection: sqlite3.Connection) -> None:
    """Remove an entry, and renumber the later ones."""
    seq = _first(connection)
    connection.execute("DELETE FROM trail WHERE seq = ?", [seq])
    for (later,) in connection.execute(
        "SELECT seq FROM trail WHERE seq > ? ORDER BY seq", [seq]
    ).fetchall():
        connection.execute("UPDATE trail SET seq = ? WHERE seq = ?", [later - 1, later])


def remove_the_end(connection: sqlite3.Connection) -> None:
    """Remove the last entries."""
    connection.execute("DELETE FROM trail WHERE seq >= ?", [_first(connection)])


def remove_the_beginning(connection: sqlite3.Connection) -> None:
    """Remove the first entries."""
    connection.execute("DELETE FROM trail WHERE seq <= ?", [_first(connection)])


def remove_everything(connection: sqlite3.Connection) -> None:
    """Remove all entries."""
    connection.execute("DELETE FROM trail")


def swap_two(connection: sqlite3.Connection) -> None:
    """Exchange the order of two entries."""
    seq = _first(connection)
    for old, new in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
        connection.execute("UPDATE trail SET seq = ? WHERE seq = ?", [new, old])


def repeat_one(connection: sqlite3.Connection) -> None:
    """Insert a copy of an entry."""
    columns = "body, personal, salt, commitment, previous, hash, time, name, principal, actor"
    connection.execute(
        f"INSERT INTO trail (seq, {columns}) SELECT MAX(seq) + 1, {columns} FROM trail"  # noqa: S608
    )


def seal_anew(connection: sqlite3.Connection) -> None:
    """Change an entry and compute the whole chain again, without the key."""
    change_cause(connection)
    previous = "0" * 64
    rows = connection.execute("SELECT seq, body, salt, personal FROM trail ORDER BY seq").fetchall()
    for seq, body, salt, personal in rows:
        raw = body.encode() if isinstance(body, str) else body
        committed = hashlib.sha256(bytes.fromhex(salt) + personal).hexdigest()
        hashed = link(previous, seq, raw, committed, None)
        connection.execute(
            "UPDATE trail SET body = ?, commitment = ?, previous = ?, hash = ? WHERE seq = ?",
            [raw, committed, previous, hashed, seq],
        )
        previous = hashed
    connection.execute("UPDATE trail_state SET head_hash = ?", [previous])


TAMPERING: list[Callable[[sqlite3.Connection], None]] = [
    change_cause,
    change_principal,
    remove_one,
    remove_and_renumber,
    remove_the_end,
    remove_the_beginning,
    remove_everything,
    swap_two,
    repeat_one,
    seal_anew,
]


class WritesALog(LogIn):
    """Careless login that writes each failure into a file."""

    def post(self) -> None:
        super().post()
        if self.get_status() != 200:
            with self.settings["log"].open("a") as file:
                file.write(f"failed {json.loads(self.request.body)['username']}\n")


async def test_a_log_is_a_file(tmp_path: Path) -> None:
    """An attacker with access to a log file removes its lines without a trace."""
    log = tmp_path / "site.log"
    async with site(Chat, log_in=WritesALog, log=log) as (at, _):
        await comes_to(at).post("/auth/login", {"username": "bob", "password": "x"})
        innocent = log.read_text()
        await comes_to(at).post("/auth/login", {"username": "alice", "password": "x"})
        await log_in(at, "alice")
        assert log.read_text() != innocent
        log.write_text(innocent)
        assert log.read_text() == innocent  # and there is nothing that could tell


def test_a_trail_that_nobody_touched_is_whole(verify: Verify) -> None:
    """An unchanged trail verifies with exit code 0, and the head is printed."""
    code, text = verify()
    assert (code, "is whole" in text) == (0, True), text


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_a_trail_that_somebody_changed(
    tamper: Callable[[sqlite3.Connection], None], trail: Path, verify: Verify
) -> None:
    """Verification finds each change of the trail that is made without the key."""
    with intruder(trail) as connection:
        tamper(connection)
    code, text = verify()
    assert code == 1, text
    assert "not whole" in text


def test_the_trail_cannot_be_changed_by_mistake(trail: Path) -> None:
    """Before an intruder removes the triggers, no statement changes an entry."""
    with contextlib.closing(sqlite3.connect(trail)) as connection:
        for statement in ("UPDATE trail SET name = 'x'", "DELETE FROM trail"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_the_end_was_cut_off_and_the_rest_made_to_fit(trail: Path, verify: Verify) -> None:
    """A trail that was cut off and sealed again verifies alone, but not against a head kept elsewhere."""
    _, text = verify()
    [head] = [line.removeprefix("head ") for line in text.splitlines() if line.startswith("head ")]
    with intruder(trail) as connection:
        seq = _first(connection)
        connection.execute("DELETE FROM trail WHERE seq > ?", [seq])
        connection.execute(
            "UPDATE trail_state SET (head_seq, head_hash) = (SELECT seq, hash FROM trail WHERE seq = ?)",
            [seq],
        )
    assert verify()[0] == 0
    code, text = verify("--head", head)
    assert code == 1, text


async def test_every_refusal_is_written_down(demo: Running) -> None:
    """Each kind of refusal has an entry with time, principal or address, action and cause."""
    alice, stranger = await demo.visit("alice"), demo.visitor()
    await stranger.refused()
    await alice.refused("/ws/dashboard")
    await alice.refused(origin="https://evil.example")
    await stranger.post("/auth/login", {"username": "ada", "password": "wrong wrong"})
    await (await alice.with_ticket("sdt_" + "A" * 43)).hang_up()
    async with await alice.open() as wire:
        await answer(wire, {"type": "announce", "text": "x"})
        await answer(wire, {"type": "nonsense"})
        wire.send("x" * 20_000)
        await wire.json()
    await alice.log_out()
    expected = [
        ("authn_login_fail", "no-credential", stranger.address),
        ("authn_login_fail", "bad-credential", stranger.address),
        ("authn_login_fail", "bad-credential", alice.address),
        ("authz_fail", "forbidden", alice.address),
        ("malicious_cors", "origin-not-allowed", alice.address),
        ("input_validation_fail", "invalid-message", alice.address),
        ("input_validation_fail", "message-too-large", alice.address),
    ]
    for name, cause, address in expected:
        entry = await demo.recorded(name, cause=cause, address=address)
        assert entry["endpoint"]
        assert entry["time"]
    await demo.recorded("session_ended", principal="alice")


@pytest.mark.extended
async def test_a_flood_does_not_drown_the_rest(demo: Running) -> None:
    """Two hundred equal refusals become few entries with a count."""
    noisy, quiet = demo.visitor(), demo.visitor()
    for number in range(200):
        await noisy.refused(origin="https://evil.example")
        if number == 100:
            await quiet.refused()
    await demo.mark()
    entries = [one for one in demo.entries() if one.get("address") == noisy.address]
    assert len(entries) < 100
    assert sum(one.get("count", 1) for one in entries) == 200
    assert [one["cause"] for one in demo.entries() if one.get("address") == quiet.address] == [
        "no-credential"
    ]
