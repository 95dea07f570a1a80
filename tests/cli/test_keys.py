"""`stormdoor keys`, `sessions`, `connections` and `revoke`."""

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stormdoor import Guard, Target
from stormdoor.cli.sessions import all_sessions
from stormdoor.core.apikey import key_id
from stormdoor.core.credential import fingerprint
from stormdoor.core.event import Event
from stormdoor.core.session import Session
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import LiveConnection
from stormdoor.testing.contract.support import STATUS
from tests.cli.conftest import Cli
from tests.config.files import TRAIL_KEY

ISSUE = ("keys", "issue", "sensor", "--name", "roof", "--scope", "chat:connect")


def _store(config: Path) -> Guard:
    return Guard(store=f"sqlite:{config.parent}/door.db", trail_key=TRAIL_KEY.encode())


def test_secret_alone_on_standard_output(populated: Cli, config: Path) -> None:
    """`--quiet` prints only the key, and the store has only its hash."""
    result = populated(*ISSUE, "--quiet")
    assert (result.code, result.err) == (0, "")
    secret = result.out.removesuffix("\n")
    id = key_id(secret)
    assert id is not None
    everything = b"".join(one.read_bytes() for one in config.parent.glob("door.db*"))
    assert secret.encode() not in everything
    assert fingerprint(secret).encode() in everything
    assert secret not in populated("trail", "export").out


def test_words_about_it_on_standard_error(populated: Cli) -> None:
    """Without `--quiet`, the remarks are on standard error, so a pipe contains only the key."""
    result = populated(*ISSUE)
    assert len(result.out.splitlines()) == 1
    assert "shown this once" in result.err


def test_issue_as_json(populated: Cli) -> None:
    """Scripts get the key with what it may do."""
    issued = populated(*ISSUE, "--network", "10.0.0.0/8", "--expires", "90d", "--json").json
    assert key_id(issued["secret"]) == issued["id"]
    assert issued["scopes"] == ["chat:connect"]
    assert issued["networks"] == ["10.0.0.0/8"]
    (listed,) = populated("keys", "list", "--json").json
    assert listed == {one: value for one, value in issued.items() if one != "secret"} | {
        "state": "valid"
    }


def test_list(populated: Cli) -> None:
    """Keys are listed without their secrets, at 80 columns."""
    assert populated("keys", "list").code == 1
    secret = populated(*ISSUE, "-s", "chat:say", "--expires", "never", "-q").out.strip()
    result = populated("keys", "list")
    assert "never" in result.out
    assert secret not in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert populated("keys", "list", "alice").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("sensr", "--name", "x", "-s", "*"), 1, "did you mean 'sensor'"),
        (("sensor", "--name", "x"), 2, "--scope"),
        (("sensor", "-s", "*"), 2, "--name"),
        (("sensor", "--name", "x", "-s", "Chat"), 2, "not a permission pattern"),
        (("sensor", "--name", "x", "-s", "*", "--network", "10"), 2, "10.0.0.0/8"),
        (("sensor", "--name", "x", "-s", "*", "--expires", "soon"), 2, "not a duration"),
    ],
)
def test_issue_refused(populated: Cli, arguments: tuple[str, ...], code: int, message: str) -> None:
    """An invalid argument issues no key."""
    result = populated("keys", "issue", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert populated("keys", "list").code == 1


def test_rotate(populated: Cli) -> None:
    """A rotated key has a successor, and both are valid for a while."""
    id = populated(*ISSUE, "--json").json["id"]
    new = populated("keys", "rotate", id[:6], "--overlap", "2h", "--json").json
    keys = {one["id"]: one for one in populated("keys", "list", "--json").json}
    assert keys[id]["successor"] == new["id"]
    assert {one["state"] for one in keys.values()} == {"valid"}
    assert populated("keys", "rotate", id).code == 1
    assert "which is void" in populated("keys", "rotate", new["id"], "--overlap", "0s").err


def test_key_is_printed_although_the_servers_are_unknown(
    populated: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a rotated key is printed once it is stored, and the failure of the wait is reported."""
    id = populated(*ISSUE, "--json").json["id"]

    async def fail(*_: object) -> None:
        raise StoreUnavailable("the nodes are not known")

    monkeypatch.setattr("stormdoor.guard.administration.wait_for_nodes", fail)
    result = populated("keys", "rotate", id, "--overlap", "0s", "--wait", "cluster")
    assert key_id(result.out.strip())
    assert result.code != 0
    assert "the nodes are not known" in result.err
    # A rotation that is not stored prints no key.
    result = populated("keys", "rotate", id, "--wait", "cluster")
    assert (result.code, result.out) == (1, "")


def test_revoke_keys(populated: Cli) -> None:
    """A key is revoked by the beginning of its id, if that is enough."""
    ids = [populated(*ISSUE, "--json").json["id"] for _ in range(2)]
    assert populated("keys", "revoke", ids[0], "zzz").code == 1
    assert len(populated("keys", "list", "--json").json) == 2
    assert "begin with" in populated("keys", "revoke", "").err
    assert populated("keys", "revoke", *ids).out.startswith("2 keys revoked.")
    assert populated("keys", "list").code == 1


def test_key_of_a_revoked_principal(populated: Cli) -> None:
    """A key that a revocation covers is listed as what it is."""
    populated(*ISSUE)
    populated("revoke", "principal", "sensor")
    (listed,) = populated("keys", "list", "--json").json
    assert listed["state"] == "revoked"
    assert "revoked" in populated("keys", "list").out


@pytest.fixture
def logged_in(populated: Cli, config: Path) -> Cli:
    """Two sessions of alice and one of mia."""

    async def log_in() -> None:
        async with _store(config) as guard:
            for name in ("alice", "alice", "mia"):
                await guard.sessions.create(name, address="192.0.2.7", user_agent="Fire\x1b[31mfox")

    asyncio.run(log_in())
    return populated


def test_sessions(logged_in: Cli) -> None:
    """`sessions list` prints principals, addresses and agents, without control characters."""
    result = logged_in("sessions", "list")
    assert result.out.count("192.0.2.7") == 3
    assert "\x1b" not in result.out
    assert r"Fire\x1b[31mfox" in result.out.replace("\n", "")
    assert max(map(len, result.out.splitlines())) <= 80
    assert len(logged_in("sessions", "list", "alice", "--json").json) == 2


def test_end_sessions(logged_in: Cli) -> None:
    """One is ended by the beginning of its id, or all of a principal."""
    (first, _) = logged_in("sessions", "list", "alice", "--json").json
    assert logged_in("sessions", "end", first["id"][:12]).out.startswith("1 session ended.")
    assert len(logged_in("sessions", "list", "--json").json) == 2
    assert logged_in("sessions", "end", "--principal", "alice", "--json").code == 0
    (left,) = logged_in("sessions", "list", "--json").json
    assert left["principal"] == "mia"
    assert logged_in("sessions", "end", "--principal", "alice").code == 1
    assert logged_in("sessions", "end").code == 2
    entry = logged_in("trail", "show", "--event", "session_ended", "--json").json[-1]
    assert (entry["principal"], entry["actor"][:4]) == ("alice", "cli:")


@pytest.mark.parametrize(
    "command",
    ["sessions end {}", "sessions end --principal mia", "revoke session {}"],
)
def test_session_that_gets_a_new_id_meanwhile_is_ended(
    command: str, logged_in: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: no successor of a session stays, of which the command says that it is ended."""
    [one] = logged_in("sessions", "list", "mia", "--json").json

    async def overtaken(guard: Guard, principal: str | None = None) -> list[Session]:
        found = await all_sessions(guard, principal)
        for each in found:
            if each.principal_id == "mia":
                assert await guard.sessions.rotate(each, authenticated=True) is not None
        return found

    with monkeypatch.context() as patched:
        for module in ("sessions", "revoke"):
            patched.setattr(f"stormdoor.cli.{module}.all_sessions", overtaken)
        assert logged_in(*command.format(one["id"]).split()).code == 0
    left = logged_in("sessions", "list", "--json").json
    assert [each["principal"] for each in left] == ["alice", "alice"]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "beginning"])
@pytest.mark.parametrize("command", ["sessions end {}", "revoke session {}"])
def test_session_that_got_a_new_id_is_ended_by_the_listed_one(
    command: str, whole: bool, logged_in: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: an id of an earlier list ends the session also if a thief has rotated it since."""
    [one] = logged_in("sessions", "list", "mia", "--json").json

    async def rotate(guard: Guard, principal: str | None = None) -> list[Session]:
        for session in await guard.sessions.sessions("mia"):
            assert await guard.sessions.rotate(session) is not None
        return await all_sessions(guard, principal)

    with monkeypatch.context() as patched:
        patched.setattr("stormdoor.cli.sessions.all_sessions", rotate)
        [now] = logged_in("sessions", "list", "mia", "--json").json
    assert now["id"] != one["id"]
    named = one["id"] if whole else one["id"][:12]
    assert logged_in(*command.format(named).split()).code == 0
    assert logged_in("sessions", "list", "mia", "--json").json == []
    assert logged_in(*command.format(named).split()).code != 0


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("principal", "alice"), ["mia"]),
        (("everything", "--yes"), []),
        (("principal", "nobody-in-the-store"), ["alice", "alice", "mia"]),
        (("principal", "alice", "--before", "2001-01-01"), ["alice", "alice", "mia"]),
        (("role", "member"), ["mia"]),
        (("role", "moderator"), ["alice", "alice"]),
        (("role", "member", "--before", "2001-01-01T12:00+02:00"), ["alice", "alice", "mia"]),
        (("tenant", "acme"), ["alice", "alice", "mia"]),
        (("device", "telephone"), ["alice", "alice", "mia"]),
        (("everything", "--yes", "--before", "2001-01-01"), ["alice", "alice", "mia"]),
    ],
)
def test_revocation_ends_sessions(
    logged_in: Cli, arguments: tuple[str, ...], left: list[str]
) -> None:
    """A revocation ends the sessions of its target, and the trail records the reason."""
    result = logged_in("revoke", *arguments, "--reason", "a lost laptop")
    assert result.code == 0
    sessions = logged_in("sessions", "list", "--json").json
    assert sorted(one["principal"] for one in sessions) == left
    assert "a lost laptop" in logged_in("trail", "export").out


def test_a_misspelt_principal_is_revoked_with_a_warning(populated: Cli, config: Path) -> None:
    """Without a terminal an unknown name is revoked, and standard error suggests the nearest account."""
    for _ in range(2):
        result = populated("revoke", "principal", "alise")
        assert (result.code, result.out[:15]) == (0, "All credentials")
        assert result.err == (
            "No account 'alise' is known; did you mean 'alice'? The name is revoked all the same.\n"
        )
    shown = populated("revoke", "principal", "zzz", "--json")
    assert (shown.json["known"], shown.json["principal"]) == (False, "zzz")
    assert shown.err == "No account 'zzz' is known. The name is revoked all the same.\n"
    assert _revoked(config) == ["alise", "alise", "zzz"]


def _revoked(config: Path) -> list[str]:
    async def read() -> list[str]:
        async with _store(config) as guard:
            return [one.value for one in await guard.state.revocations.revocations()]

    return asyncio.run(read())


@pytest.mark.parametrize(("answer", "revoked"), [("yes\n", ["alise"]), ("\n", []), ("", [])])
def test_a_misspelt_principal_is_asked_about_at_a_terminal(
    populated: Cli, config: Path, answer: str, revoked: list[str]
) -> None:
    """At a terminal nothing is revoked before the operator has confirmed the unknown name."""
    result = populated("revoke", "principal", "alise", typed=answer, terminal=True)
    assert "No account 'alise' is known; did you mean 'alice'? Revoke what was issued" in result.err
    assert result.code == (0 if revoked else 2)
    assert _revoked(config) == revoked
    assert populated("revoke", "principal", "alise", "--yes", terminal=True).code == 0


@pytest.mark.parametrize("name", ["alice", "deleted", "foreign"])
def test_a_known_principal_is_revoked_without_a_question(
    populated: Cli, config: Path, name: str
) -> None:
    """An account, a deleted one, and a name from a foreign issuer in the trail are known."""

    async def prepare() -> None:
        async with _store(config) as guard:
            await guard.admin.add_principal("deleted")
            await guard.admin.remove_principal("deleted")
            guard.trail.note(
                Event(time=guard.clock.now(), name="connection_opened", principal="foreign")
            )
            await guard.trail.flush()

    asyncio.run(prepare())
    result = populated("revoke", "principal", name, "--json", terminal=True)
    assert (result.code, result.err, result.json["known"]) == (0, "", True)


def test_revoke_session(logged_in: Cli) -> None:
    """A session is revoked by the beginning of its id."""
    (session,) = logged_in("sessions", "list", "mia", "--json").json
    assert logged_in("revoke", "session", session["id"][:10], "--json").json == {
        "session": session["id"]
    }
    assert logged_in("sessions", "list", "mia").code == 1
    assert logged_in("revoke", "session", "zzz").code == 1


def test_revoke_credential(populated: Cli) -> None:
    """A key goes by its id; what is no key may be the jti of a token."""
    id = populated(*ISSUE, "--json").json["id"]
    assert populated("revoke", "credential", id).out.startswith(f"The key {id} of sensor is void.")
    assert populated("keys", "list").code == 1
    assert "jti abc" in populated("revoke", "credential", "abc").out


def test_revoke_everything_asks(populated: Cli) -> None:
    """The greatest of all commands is not run by mistake."""
    result = populated("revoke", "everything")
    assert result.code == 2
    assert "--yes" in result.err


@pytest.mark.parametrize(
    "target",
    [
        "principal alice",
        "session {session}",
        "credential {session}",
        "token --sha256 " + "ab" * 32,
        "device d",
        "role member",
        "tenant acme",
        "connection c1",
        "everything",
    ],
)
def test_dry_run_changes_nothing(logged_in: Cli, config: Path, target: str) -> None:
    """Each revocation shows its effect with `--dry-run`, asks nothing, and leaves the file as it was."""
    _connected(config, "c1")
    session = logged_in("sessions", "list", "alice", "--json").json[0]["id"]
    before = _content(config)
    arguments = target.format(session=session).split()
    shown = logged_in("revoke", *arguments, "--dry-run")
    assert shown.code == 0
    assert "Nothing was changed." in shown.out
    found = logged_in("revoke", *arguments, "--dry-run", "--json").json
    assert _content(config) == before
    sockets = {"principal alice", "connection c1", "everything"}
    assert [one["id"] for one in found["sockets"]] == (["c1"] if target in sockets else [])
    assert found["nodes"] == (["server-1"] if target in sockets else [])
    refused = logged_in("revoke", *arguments, "--dry-run", "--wait", "cluster")
    assert "leave out --wait" in refused.err


def _content(config: Path) -> list[str]:
    with closing(sqlite3.connect(config.with_name("door.db"))) as connection:
        return list(connection.iterdump())


def test_the_question_about_everything_has_the_counts(logged_in: Cli, config: Path) -> None:
    """Before the operator confirms, the command shows how much it would end."""
    _connected(config, "c1", "c2")
    result = logged_in("revoke", "everything", typed="no\n", terminal=True)
    assert result.code == 2
    assert "3 sessions, 2 connections on 1 node." in result.err
    assert len(logged_in("sessions", "list", "--json").json) == 3


def test_dry_run_of_a_misspelt_principal(logged_in: Cli) -> None:
    """A dry run suggests the nearest account for an unknown name."""
    shown = logged_in("revoke", "principal", "alise", "--dry-run")
    assert "did you mean 'alice'" in shown.err


def _connected(config: Path, *ids: str) -> None:
    async def connect() -> None:
        async with _store(config) as guard:
            now = guard.clock.now()
            opened = [
                LiveConnection(
                    id=id,
                    node="server-1",
                    principal_id="alice",
                    kind="session",
                    endpoint="/chat",
                    address="192.0.2.7",
                    opened_at=now - 120,
                )
                for id in ids
            ]
            await guard.state.members.beat("server-1", STATUS, joining=True)
            await guard.state.connections.sync_connections("server-1", opened, [])

    asyncio.run(connect())


def test_connections(populated: Cli, config: Path) -> None:
    """Open connections of all servers are listed, and can be restricted."""
    assert populated("connections", "list").code == 1
    _connected(config, "c1", "c2")
    result = populated("connections", "list")
    assert "2 min" in result.out
    assert "2 connections on 1 node." in result.err
    assert max(map(len, result.out.splitlines())) <= 80
    rows = populated("connections", "list", "--principal", "alice", "--json").json
    assert [one["id"] for one in rows] == ["c1", "c2"]
    assert populated("connections", "list", "--endpoint", "/other").code == 1


def test_connection_that_stays(
    populated: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is still listed is reported: its server may be gone, or read another store."""
    monkeypatch.setattr("stormdoor.cli.effect._PATIENCE_SECONDS", 0.0)
    _connected(config, "c1")
    result = populated("connections", "close", "c1")
    assert result.code == 1
    assert "still listed" in result.err
    entry = populated("trail", "show", "--event", "authn_token_revoked", "--json").json[-1]
    assert entry["connection"] == "c1"
    assert populated("revoke", "connection", "c9").code == 1


def test_revoke_a_token_that_was_found(populated: Cli, config: Path) -> None:
    """A token is revoked by its text or by its hash; only the hash is stored."""
    token = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
    digest = hashlib.sha256(token.encode()).hexdigest()
    first = populated("revoke", "token", "--json", typed=f"{token}\n")
    assert first.json["token"] == digest
    assert populated("revoke", "token", "--sha256", digest.upper()).code == 0
    assert token not in populated("trail", "export").out

    async def stored() -> set[tuple[Target, str]]:
        async with _store(config) as guard:
            return {(one.target, one.value) for one in await guard.state.revocations.revocations()}

    assert asyncio.run(stored()) == {(Target.TOKEN, digest)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("token",), "no token on standard input"),
        (("token", "--sha256", "abc"), "64 hexadecimal"),
        (("tenant", "acme", "--before", "yesterday"), "no time"),
    ],
)
def test_revoke_what(populated: Cli, arguments: tuple[str, ...], says: str) -> None:
    """An invalid argument is a usage error, and revokes nothing."""
    result = populated("revoke", *arguments)
    assert result.code == 2
    assert says in result.err


def test_revoke_waits_for_all_servers(populated: Cli) -> None:
    """`--wait cluster` reports how many servers have applied the revocation; without one, none have."""
    result = populated("revoke", "principal", "alice", "--wait", "cluster")
    assert result.code == 0
    assert "0 nodes applied it" in result.out + result.err
    answer = populated("revoke", "role", "member", "--wait", "cluster", "--json").json
    assert (answer["applied"], answer["lapsed"]) == (0, 0)
    jti = populated("revoke", "credential", "a-jti", "--wait", "cluster", "--json").json
    assert (jti["api_key"], jti["applied"]) == (False, 0)
    assert populated("revoke", "tenant", "acme", "--wait", "never").code == 2


def test_every_change_waits_for_all_servers(populated: Cli, config: Path) -> None:
    """Each command that ends connections or lowers rights takes `--wait cluster`, and reports the servers."""
    secret = populated(*ISSUE, "--quiet").out.strip()

    async def connect() -> None:
        async with _store(config) as guard:
            await guard.sessions.create("alice")
            await guard.state.members.beat("dead", STATUS, joining=True)
            live = LiveConnection(
                id="c0ffee",
                node="dead",
                principal_id="sensor",
                kind="session",
                endpoint="/ws",
                address="192.0.2.1",
                opened_at=1.0,
            )
            await guard.state.connections.sync_connections("dead", [live], [])

    asyncio.run(connect())
    commands = [
        ("connections", "close", "c0ffee"),
        ("keys", "rotate", str(key_id(secret))),
        ("sessions", "end", "--principal", "alice"),
        ("keys", "revoke", str(key_id(secret))),
        ("roles", "withdraw", "alice", "member"),
        ("roles", "grant", "alice", "member"),
        ("principals", "set", "alice", "floor:=1"),
        ("principals", "disable", "alice"),
        ("principals", "remove", "alice", "--yes"),
    ]
    for command in commands:
        answer = populated(*command, "--wait", "cluster", "--json").json
        assert (answer["applied"], answer["lapsed"]) == (0, 1), command
