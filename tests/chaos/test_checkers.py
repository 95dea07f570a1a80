"""Each checker finds each violation that is planted in a sound history, and nothing else."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from stormdoor import Target
from stormdoor.core.event import Event as TrailEvent
from stormdoor.core.revocation import Revocation
from stormdoor.stores import open_store
from tests.chaos.checkers import (
    CHECKERS,
    GONE,
    NO_EPOCH,
    NO_LEASE,
    NO_SOCKET,
    ONE_NODE,
    OTHER_EPOCH,
    OTHER_TIME,
    REASONS,
    Guarantee,
    check,
    checked,
    fenced,
    intact_chains,
    outlived,
    staleness,
    unchecked,
)
from tests.chaos.history import (
    Appended,
    Changed,
    Event,
    Gone,
    Held,
    Logged,
    Reloaded,
    Revoked,
    Saw,
    Sent,
    Stored,
    Took,
    Verified,
    Writer,
    read,
    read_folder,
)
from tests.chaos.run import read_store

BOUND = 0.5
STRONG = Guarantee(BOUND)
WEAK = Guarantee(BOUND, across_failover=False)


def revoked(at: float, target: str = "session:s", **more: object) -> Revoked:
    """Return a revocation that was asked 10 ms before its acknowledgement."""
    given = {"outcome": "done", "epoch": "one", **more}
    return Revoked(at=at, by="a", target=target, asked=at - 0.01, **given)  # type: ignore[arg-type]


def sent(at: float, *targets: str, epoch: str = "one") -> Sent:
    """Return a message of node b."""
    return Sent(at=at, by="b", targets=targets or ("session:s",), epoch=epoch)


def changed(at: float, version: int, **more: object) -> Changed:
    """Return a change of roles that was asked 10 ms before its acknowledgement."""
    given = {"outcome": "done", "epoch": "one", **more}
    return Changed(at=at, by="a", principal="p", version=version, asked=at - 0.01, **given)  # type: ignore[arg-type]


def saw(at: float, version: int, connection: str = "c", epoch: str = "one") -> Saw:
    """Return a decision of node b."""
    return Saw(at=at, by="b", principal="p", version=version, connection=connection, epoch=epoch)


def appended(at: float, entry: str, **more: object) -> Appended:
    """Return an appended entry of the trail."""
    given = {"outcome": "done", "epoch": "one", **more}
    return Appended(at=at, by="a", entry=entry, **given)  # type: ignore[arg-type]


SOUND: tuple[Event, ...] = (
    sent(0.5),
    sent(0.6, "session:other", "principal:p"),
    changed(0.7, 1),
    saw(0.8, 0),
    saw(0.9, 1, "d"),
    saw(0.95, 0),
    revoked(1.0),
    saw(1.19, 0),
    saw(1.2, 1),
    sent(1.5),
    revoked(2.0, "session:doubtful", outcome="in doubt"),
    revoked(2.5, "session:refused", outcome="refused"),
    sent(3.5, "session:refused"),
    Took(at=3.0, by="a", value="ticket", outcome="done"),
    Took(at=3.1, by="b", value="ticket", outcome="refused"),
    Took(at=3.2, by="b", value="doubtful", outcome="in doubt"),
    changed(3.3, 2, outcome="in doubt"),
    saw(3.4, 2),
    saw(3.6, 1, "d"),
    changed(3.7, 3),
    saw(4.3, 3),
    appended(4.4, "one"),
    appended(4.5, "two", outcome="in doubt"),
    appended(4.6, "three"),
    Logged(at=9.0, by="end", seq=5, target="session:doubtful", epoch="one"),
    Logged(at=9.0, by="end", seq=6, target="session:doubtful", epoch="one"),
    Logged(at=9.0, by="end", seq=7, target="session:s", epoch="one"),
    Stored(at=9.0, by="end", entry="one"),
    Stored(at=9.0, by="end", entry="three"),
    Verified(at=9.0, by="end", entries=2, chains=1),
)

PLANTED: dict[str, tuple[str, tuple[Event, ...]]] = {
    # what was planted: what the checker says, the events
    "a message after the bound": ("sent to session:s 0.501 s", (sent(1.501),)),
    "a message after a wait for the cluster": (
        "sent to session:w 0.001 s",
        (
            revoked(5.0, "session:w", wait="cluster"),
            sent(5.001, "session:w"),
            Logged(at=9.0, by="end", seq=8, target="session:w", epoch="one"),
        ),
    ),
    "a value that two nodes accept": (
        "accepted ticket after a",
        (Took(at=3.3, by="b", value="ticket", outcome="done"),),
    ),
    "roles from the future": ("version 3 of the roles of p before it was asked", (saw(3.5, 3),)),
    "roles that go back": ("version 2 of the roles of p after version 3", (saw(4.31, 2),)),
    "roles that are too old": (
        "version 2 of the roles of p 0.600 s after version 3",
        (saw(4.3, 2, "f"),),
    ),
    "roles that nothing gave": (
        "version 9 of the roles of p before it was asked",
        (saw(8.0, 9, "e"),),
    ),
    "a revocation that is lost": (
        "session:lost is lost",
        (revoked(5.0, "session:lost"),),
    ),
    "a gap in the log": (
        "position 9 follows 7",
        (Logged(at=9.0, by="end", seq=9, target="session:x", epoch="one"),),
    ),
    "a position that is given twice": (
        "position 7 follows 7",
        (Logged(at=9.0, by="end", seq=7, target="session:x", epoch="one"),),
    ),
    "a revocation that is doubled": (
        "session:s is there 2 times",
        (Logged(at=9.0, by="end", seq=8, target="session:s", epoch="one"),),
    ),
    "an entry that is lost": ("lost is lost", (appended(5.0, "lost"),)),
    "an entry that is doubled": ("one is there 2 times", (Stored(at=9.0, by="end", entry="one"),)),
    "an entry in doubt that is doubled": (
        "two is there 2 times",
        (Stored(at=9.0, by="end", entry="two"), Stored(at=9.0, by="end", entry="two")),
    ),
    "an entry from nowhere": ("was never appended", (Stored(at=9.0, by="end", entry="x"),)),
    "a chain with a fault": (
        "chain 1: entry 7 is missing",
        (Verified(at=9.0, by="end", entries=9, chains=2, faults=("chain 1: entry 7 is missing",)),),
    ),
}


def history(*more: Event) -> list[Event]:
    """Return the sound history with more events, in the order of their times."""
    return sorted((*SOUND, *more), key=lambda event: event.at)


@pytest.mark.parametrize("guarantee", [STRONG, WEAK])
def test_a_sound_history_has_no_violation(guarantee: Guarantee) -> None:
    """Messages until the bound, doubtful outcomes and several chains are sound."""
    assert check(history(), guarantee) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str) -> None:
    """One checker finds it, once."""
    text, events = PLANTED[name]
    (found,) = check(history(*events), STRONG)
    assert text in found.text


def test_every_checker_has_a_planted_violation() -> None:
    """A checker without one could be empty."""
    found = {v.checker for _, events in PLANTED.values() for v in check(history(*events), STRONG)}
    assert found == {checker.__name__.replace("_", " ") for checker in CHECKERS}


def test_a_trail_that_was_not_verified_is_a_violation() -> None:
    """A run that ends early does not count as one with intact chains."""
    (found,) = check([one for one in history() if not isinstance(one, Verified)], STRONG)
    assert found.text == "the trail was not verified"


async def test_a_changed_entry_of_the_store_is_a_violation(tmp_path: Path) -> None:
    """The end of a run computes the hashes: an entry that was changed in the database is found."""
    file = tmp_path / "store.db"
    store = open_store(f"sqlite://{file}")
    await store.open()
    await store.append_events(
        [TrailEvent(time=1.0, name="chaos", detail=f"e{n}") for n in range(3)]
    )
    await store.close()
    for changed in (False, True):
        with contextlib.closing(sqlite3.connect(file)) as local, local:
            if changed:
                local.execute("DROP TRIGGER trail_is_append_only_update")
                local.execute("UPDATE trail SET body = CAST(body || ' ' AS BLOB) WHERE seq = 2")
        await read_store(tmp_path, f"sqlite://{file}")
        events = read([tmp_path / "end.jsonl"])
        (tmp_path / "end.jsonl").unlink()
        found = [one.text for one in intact_chains(events, STRONG)]
        assert found == (["entry 2 was changed, or the key is another"] if changed else [])


FAILOVER: dict[str, tuple[str, tuple[Event, ...]]] = {
    "a message by a node of the other epoch": ("sent to session:s", (sent(4.0, epoch="two"),)),
    "a value that both primaries accept": (
        "accepted ticket after a",
        (Took(at=3.3, by="b", value="ticket", outcome="done", epoch="two"),),
    ),
    "roles of the other epoch": ("version 1 of the roles", (saw(8.0, 1, "e", epoch="two"),)),
    "a revocation that the new primary lacks": (
        "session:n is lost",
        (
            revoked(5.0, "session:n"),
            Logged(at=9.0, by="end", seq=8, target="session:m", epoch="two"),
        ),
    ),
    "an entry that the new primary lacks": (
        "four is lost",
        (appended(5.0, "four"), Logged(at=9.0, by="end", seq=8, target="session:m", epoch="two")),
    ),
}


@pytest.mark.parametrize("name", FAILOVER)
def test_only_a_synchronous_standby_keeps_the_guarantee_across_a_failover(name: str) -> None:
    """With an asynchronous standby, the new primary may lack what the old one acknowledged."""
    text, events = FAILOVER[name]
    (found,) = check(history(*events), STRONG)
    assert text in found.text
    assert check(history(*events), WEAK) == []


def test_a_node_may_write_a_revocation_again_after_a_failover() -> None:
    """Several nodes may know the same revocation that the new log lacks."""
    again = Logged(at=9.0, by="end", seq=8, target="session:s", epoch="two")
    reloaded = Reloaded(at=6.0, by="b", epoch="two")
    assert check(history(again, reloaded), STRONG) == []


def test_staleness_is_the_time_from_the_acknowledgement_to_the_last_message() -> None:
    """It is negative if the last message came before the acknowledgement."""
    events = history(revoked(9.0, "session:refused"))
    assert staleness(events, STRONG) == {"session:s": 0.5, "session:refused": -5.5}


def held(at: float, *targets: str) -> Held:
    """Return a message that node b holds, because its lease has lapsed."""
    return Held(at=at, by="b", targets=targets, epoch="one")


CHECKED: dict[str, tuple[str, tuple[Event, ...]]] = {
    # the messages: why the revocation does not count, or ""; the events
    "during the call": ("", (sent(5.0, "key:k"),)),
    "just before the call": ("", (sent(4.8, "key:k"),)),
    "before the call, and held during it": ("", (sent(4.8, "key:k"), held(5.0, "key:k"))),
    "long before the call": (OTHER_TIME, (sent(4.7, "key:k"),)),
    "after the acknowledgement only": (OTHER_TIME, (sent(5.1, "key:k"),)),
    "to another target": (NO_SOCKET, (sent(5.0, "key:other"),)),
    "by the node that acknowledged": (
        ONE_NODE,
        (sent(4.7, "key:k"), Sent(at=5.0, by="a", targets=("key:k",), epoch="one")),
    ),
    "that wait for the lease": (NO_LEASE, (held(5.0, "key:k"),)),
    "that waited long before the call": (NO_SOCKET, (held(4.7, "key:k"),)),
    "none": (NO_SOCKET, ()),
    "whose client left before the bound": (
        GONE,
        (sent(5.0, "key:k", "connection:c"), Gone(at=5.4, by="b", connection="c")),
    ),
    "whose client left after the bound": (
        "",
        (sent(5.0, "key:k", "connection:c"), Gone(at=5.6, by="b", connection="c")),
    ),
    "of which another client left": (
        "",
        (sent(5.0, "key:k", "connection:c"), Gone(at=5.4, by="b", connection="d")),
    ),
    "by a node that was killed before the bound": (
        GONE,
        (sent(5.0, "key:k", "connection:c"), Gone(at=5.4, by="b")),
    ),
    "while another node was killed": (
        "",
        (sent(5.0, "key:k", "connection:c"), Gone(at=5.4, by="c")),
    ),
}


@pytest.mark.parametrize("name", CHECKED)
def test_only_a_revocation_with_a_socket_on_another_node_counts_as_checked(name: str) -> None:
    """Without a message that could have gone on, a revocation proves nothing. The others have a reason."""
    reason, events = CHECKED[name]
    end = revoked(5.01, "key:k", kind="key")
    found = checked(history(*events, end), STRONG)
    assert ("key:k" in found) is not bool(reason)
    assert unchecked(history(*events, end), STRONG).get("key:k", "") == reason
    refused = revoked(5.01, "key:k", outcome="refused")
    assert "key:k" not in checked(history(*events, refused), STRONG)
    assert "key:k" not in unchecked(history(*events, refused), STRONG)


def test_each_reason_has_a_history() -> None:
    """A reason that no history has may hide another."""
    assert {reason for reason, _ in CHECKED.values()} - {""} == {*REASONS} - {NO_EPOCH, OTHER_EPOCH}


def test_messages_of_another_epoch_do_not_count_with_an_asynchronous_standby() -> None:
    """There, the revocation does not bind the node that sent them."""
    events = history(sent(5.0, "key:k", epoch="two"), revoked(5.01, "key:k"))
    assert "key:k" in checked(events, STRONG)
    assert "key:k" not in checked(events, WEAK)
    assert unchecked(events, WEAK)["key:k"] == OTHER_EPOCH
    unknown = history(sent(5.0, "key:k", epoch="two"), revoked(5.01, "key:k", epoch=""))
    assert unchecked(unknown, WEAK)["key:k"] == NO_EPOCH


def test_another_epoch_of_the_same_server_binds_with_an_asynchronous_standby() -> None:
    """An operator who begins another epoch loses nothing. Another timeline, or server, is a failover."""
    assert WEAK.binds("id.00000001.system", "other.00000001.system")
    assert not WEAK.binds("id.00000001.system", "id.00000002.system")
    assert not WEAK.binds("id.00000001.system", "id.00000001.other")
    assert not WEAK.binds("", "id.00000001.system")
    assert not WEAK.binds("n0.0 before id.00000001.system", "id.00000001.system")


async def test_each_revocation_of_everything_until_a_time_has_its_own_name(tmp_path: Path) -> None:
    """A node that is killed during such a call leaves an entry that no history has."""
    url = f"sqlite://{tmp_path / 'door.db'}"
    store = open_store(url)
    await store.open()
    for at in (5.0, 6.0):
        await store.add_revocation(Revocation(Target.EVERYTHING, "", at, by_time=True))
    await store.close()
    await read_store(tmp_path, url)
    logged = [one for one in read_folder(tmp_path) if isinstance(one, Logged)]
    assert [one.target for one in logged] == ["everything:5", "everything:6"]
    epoch = logged[0].epoch
    end = revoked(1.0, "role:role-party-1", entry="everything:6", epoch=epoch)
    assert check([end, *read_folder(tmp_path)], STRONG) == []
    lost = revoked(1.0, "role:role-party-1", entry="everything:7", epoch=epoch)
    (found,) = check([lost, *read_folder(tmp_path)], STRONG)
    assert found.text == "everything:7 is lost"


def test_a_socket_is_older_than_a_failover_if_a_node_sent_to_it_under_two_epochs() -> None:
    """The node that acknowledges closes its own sockets first: they do not count."""
    end = revoked(5.01, "key:k", epoch="two")
    later = sent(5.0, "key:k", epoch="two")
    assert outlived(history(sent(4.0, "key:k"), later, end), STRONG) == {"key:k"}
    assert outlived(history(sent(4.9, "key:k", epoch="two"), later, end), STRONG) == set()
    own = [Sent(at=at, by="a", targets=("key:k",), epoch=str(at)) for at in (4.0, 5.0)]
    assert outlived(history(*own, later, end), STRONG) == set()


def test_a_node_without_a_lease_holds_messages_after_the_call() -> None:
    """Messages that it held before the call show nothing about the revocation."""
    end = revoked(5.0, "key:k")
    assert fenced(history(held(4.98, "key:k"), end)) == set()
    assert fenced(history(held(4.995, "key:other"), end)) == set()
    assert fenced(history(held(5.4, "key:k"), end)) == {"key:k"}


def test_a_change_of_roles_has_another_entry_in_the_log() -> None:
    """`entry` is the target that the log must contain."""
    end = revoked(5.0, "principal:p", entry="changed:p")
    (found,) = check(history(end), STRONG)
    assert "changed:p is lost" in found.text
    logged = Logged(at=9.0, by="end", seq=8, target="changed:p", epoch="one")
    assert check(history(end, logged), STRONG) == []


def test_a_history_survives_the_death_of_its_writer(tmp_path: Path) -> None:
    """The files are merged by time; an incomplete last line is left out."""
    with Writer(tmp_path / "a", "a") as one, Writer(tmp_path / "b", "b") as two:
        for event in history():
            (one if event.by == "a" else two).write(event)
    with (tmp_path / "a").open("ab") as file:
        file.write(b'{"op":"took","at":9')
    events = read([tmp_path / "a", tmp_path / "b"])
    assert [event.at for event in events] == [event.at for event in history()]
    assert set(map(msgspec.json.encode, events)) == set(map(msgspec.json.encode, SOUND))


def test_a_damaged_line_is_an_error(tmp_path: Path) -> None:
    """A checker must not pass because it could not read the history."""
    (tmp_path / "a").write_bytes(b'{"op":"took"\n{}\n')
    with pytest.raises(msgspec.DecodeError):
        read([tmp_path / "a"])


def test_the_time_of_a_check_grows_with_the_events() -> None:
    """Ten times the events take less than thirty times the time: no checker compares each with each."""

    def seconds(number: int) -> float:
        events = [
            event
            for i in range(number)
            for event in (
                revoked(i, f"session:{i}"),
                sent(i + 0.1, f"session:{i}"),
                changed(i + 0.2, i + 1),
                saw(i + 0.3, i + 1),
                appended(i + 0.4, str(i)),
            )
        ]
        began = time.process_time()
        assert check(events, STRONG) != []  # the end lacks the entries of the trail
        return time.process_time() - began

    assert seconds(20_000) < 30 * max(seconds(2_000), 0.01)
