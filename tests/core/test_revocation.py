"""A revocation ends the credentials that it covers and no others, in any order of arrival."""

import itertools
import math

import pytest

from stormdoor.core.log_position import LogPosition
from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target, check_skew
from stormdoor.errors import ConfigurationError


def evidence(
    *,
    principal: str = "alice",
    credential: str = "key-1",
    session: str | None = "session-1",
    issued_at: float = 100.0,
    roles: frozenset[str] = frozenset({"member", "moderator"}),
    tenant: str | None = "acme",
    device: str | None = "phone-1",
    token: str | None = "ab12",
    position: LogPosition | None = None,
) -> Authentication:
    """Alice, authenticated with a credential of that kind, issued at 100."""
    return Authentication(
        Principal(principal, roles, tenant),
        "session",
        credential,
        False,
        90.0,
        issued_at,
        session_id=session,
        device_id=device,
        token_hash=token,
        position=position,
    )


CASES = [
    pytest.param(Revocation(Target.PRINCIPAL, "alice", 100.0), True, id="principal-then"),
    pytest.param(Revocation(Target.PRINCIPAL, "alice", 101.0), True, id="principal-later"),
    pytest.param(Revocation(Target.PRINCIPAL, "alice", 99.9), False, id="principal-before"),
    pytest.param(Revocation(Target.PRINCIPAL, "bob", 200.0), False, id="another-principal"),
    pytest.param(Revocation(Target.PRINCIPAL, "key-1", 200.0), False, id="name-of-a-key"),
    pytest.param(Revocation(Target.PRINCIPAL, "", 200.0), False, id="nobody"),
    pytest.param(Revocation(Target.SESSION, "session-1", 0.0), True, id="session"),
    pytest.param(Revocation(Target.SESSION, "session-2", 200.0), False, id="another-session"),
    pytest.param(Revocation(Target.SESSION, "key-1", 200.0), False, id="session-named-as-key"),
    pytest.param(Revocation(Target.CREDENTIAL, "key-1", 0.0), True, id="credential"),
    pytest.param(Revocation(Target.CREDENTIAL, "key-2", 200.0), False, id="another-credential"),
    pytest.param(Revocation(Target.CREDENTIAL, "session-1", 200.0), False, id="name-of-a-session"),
    pytest.param(Revocation(Target.TOKEN, "ab12", 0.0), True, id="token"),
    pytest.param(Revocation(Target.TOKEN, "cd34", 200.0), False, id="another-token"),
    pytest.param(Revocation(Target.TOKEN, "key-1", 200.0), False, id="token-named-as-key"),
    pytest.param(Revocation(Target.DEVICE, "phone-1", 100.0), True, id="device-then"),
    pytest.param(Revocation(Target.DEVICE, "phone-1", 99.9), False, id="device-before"),
    pytest.param(Revocation(Target.DEVICE, "phone-2", 200.0), False, id="another-device"),
    pytest.param(Revocation(Target.ROLE, "moderator", 100.0), True, id="role-then"),
    pytest.param(Revocation(Target.ROLE, "moderator", 99.9), False, id="role-before"),
    pytest.param(Revocation(Target.ROLE, "admin", 200.0), False, id="role-not-held"),
    pytest.param(Revocation(Target.ROLE, "acme", 200.0), False, id="role-named-as-tenant"),
    pytest.param(Revocation(Target.TENANT, "acme", 100.0), True, id="tenant-then"),
    pytest.param(Revocation(Target.TENANT, "acme", 99.9), False, id="tenant-before"),
    pytest.param(Revocation(Target.TENANT, "globex", 200.0), False, id="another-tenant"),
    pytest.param(Revocation(Target.EVERYTHING, "", 100.0), True, id="everything"),
    pytest.param(Revocation(Target.EVERYTHING, "", 99.9), False, id="everything-before"),
    pytest.param(Revocation(Target.CHANGED, "alice", 200.0), False, id="changed"),
    pytest.param(Revocation(Target.CONNECTION, "connection-2", 200.0), False, id="connection"),
]


@pytest.mark.parametrize(("revocation", "expected"), CASES)
def test_covers(revocation: Revocation, expected: bool) -> None:
    """A revocation ends what it names and what was issued in its time, and nothing else."""
    assert revocation.covers(evidence(), "connection-1") is expected


def test_a_move_names_the_session_that_had_the_old_id() -> None:
    """A move names the connections of the old session id, and no others."""
    assert Revocation(Target.MOVED, "session-1 session-9", 0.0).names(evidence())
    assert not Revocation(Target.MOVED, "session-9 session-1", 0.0).names(evidence())
    assert not Revocation(Target.MOVED, "session-1x session-9", 0.0).names(evidence())


@pytest.mark.parametrize(("revocation", "expected"), CASES)
def test_the_index_agrees(revocation: Revocation, expected: bool) -> None:
    """A look-up in the index answers what the revocation itself would."""
    assert RevocationIndex([revocation]).ends(evidence()) is expected


@pytest.mark.parametrize(
    ("connection", "expected"), [("connection-1", True), ("connection-2", False), (None, False)]
)
def test_a_connection_is_ended_by_its_id(connection: str | None, expected: bool) -> None:
    """The revocation of a connection ends that connection alone."""
    revocation = Revocation(Target.CONNECTION, "connection-1", 0.0)
    assert revocation.covers(evidence(), connection) is expected


def test_a_connection_is_not_in_the_index() -> None:
    """A connection that is gone needs no look-up: its credential may come back."""
    index = RevocationIndex([Revocation(Target.CONNECTION, "key-1", 200.0)])
    assert not index.ends(evidence())


@pytest.mark.parametrize(
    "target",
    [
        Target.SESSION,
        Target.TOKEN,
        Target.DEVICE,
        Target.ROLE,
        Target.TENANT,
        Target.CONNECTION,
    ],
)
def test_nothing_is_not_the_empty_name(target: Target) -> None:
    """A credential without a session is not in the session of no name; nor in a nameless tenant."""
    nothing = evidence(session=None, roles=frozenset(), tenant=None, device=None, token=None)
    revocation = Revocation(target, "", 200.0)
    assert not revocation.covers(nothing, None)
    assert not RevocationIndex([revocation]).ends(nothing)


def test_an_empty_index_ends_nothing() -> None:
    """An empty index covers no credential."""
    assert not RevocationIndex().ends(evidence(issued_at=0.0))


def test_a_later_login_is_not_ended() -> None:
    """After *log out everywhere* a new login works."""
    index = RevocationIndex([Revocation(Target.PRINCIPAL, "alice", 100.0)])
    assert not index.ends(evidence(issued_at=100.1))


@pytest.mark.parametrize("target", [Target.PRINCIPAL, Target.EVERYTHING])
def test_a_time_that_is_none_does_not_escape(target: Target) -> None:
    """A revocation by time covers a credential with a time of issue that is not a number."""
    revocation = Revocation(target, "alice", 100.0)
    odd = evidence(issued_at=math.nan)
    assert revocation.covers(odd)
    assert RevocationIndex([revocation]).ends(odd)


FEED = [
    Revocation(Target.PRINCIPAL, "alice", 50.0),
    Revocation(Target.PRINCIPAL, "alice", 120.0),
    Revocation(Target.CREDENTIAL, "key-1", 40.0),
    Revocation(Target.CREDENTIAL, "key-1", 130.0),
    Revocation(Target.EVERYTHING, "", 20.0),
    Revocation(Target.EVERYTHING, "", 10.0),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4), 4)))
def test_order_does_not_matter(order: tuple[int, ...]) -> None:
    """An older revocation that arrives late takes nothing back, now or after forgetting."""
    index = RevocationIndex([*(FEED[n] for n in order), *FEED[4:]])
    index.forget_sessions(100.0)
    by_key = evidence(principal="bob", session=None, issued_at=500.0)
    by_name = evidence(credential="key-2", session=None, issued_at=119.0)
    assert (index.ends(by_key), index.ends(by_name)) == (True, True)


def test_repetition_does_not_matter() -> None:
    """Reading the feed twice is reading it once."""
    index = RevocationIndex(FEED + FEED)
    assert index.ends(evidence(issued_at=120.0))
    assert not index.ends(evidence(credential="key-2", issued_at=120.1))


def test_forgetting_drops_old_sessions() -> None:
    """Memory does not grow with every logout for ever."""
    index = RevocationIndex([Revocation(Target.SESSION, "session-1", 50.0)])
    index.forget_sessions(50.1)
    assert not index.ends(evidence(issued_at=0.0))


SETTLED = LogPosition("a", 5)
"""Position up to which no followed log can lack an entry."""


@pytest.mark.parametrize(
    ("position", "at", "kept"),
    [
        pytest.param(LogPosition("a", 5), 50.0, False, id="settled"),
        pytest.param(LogPosition("a", 6), 50.0, True, id="a-log-may-lack-it"),
        pytest.param(LogPosition("a", 5), 60.0, True, id="a-handshake-may-be-under-way"),
        pytest.param(LogPosition("b", 5), 50.0, True, id="another-epoch"),
        pytest.param(LogPosition("", 0), 50.0, True, id="not-stored"),
    ],
)
def test_forgetting_settled_ends(position: LogPosition, at: float, kept: bool) -> None:
    """A thousand logouts of one client do not stay in memory for a month."""
    ended = Revocation(Target.SESSION, "session-1", at).placed(position)
    index = RevocationIndex([ended])
    index.forget_sessions(0.0, settled=SETTLED, settled_before=60.0)
    assert index.ends(evidence(issued_at=0.0)) is kept


@pytest.mark.parametrize("target", [Target.PRINCIPAL, Target.CREDENTIAL])
def test_forgetting_keeps_everything_else(target: Target) -> None:
    """A key from before "end everything of alice" does not come back to life after some years."""
    value = {Target.PRINCIPAL: "alice", Target.CREDENTIAL: "key-1"}[target]
    index = RevocationIndex([Revocation(target, value, 50.0, seq=1, epoch="a")])
    index.forget_sessions(1e12, settled=SETTLED, settled_before=1e12)
    assert index.ends(evidence(issued_at=0.0))


def test_forgetting_keeps_what_is_not() -> None:
    """`forget_sessions` keeps revocations of that time or later, and always keeps *everything*."""
    index = RevocationIndex(FEED)
    index.add(Revocation(Target.SESSION, "session-1", 60.0))
    index.forget_sessions(60.0)
    assert index.ends(evidence(principal="bob", credential="x", issued_at=200.0))
    assert index.ends(evidence(principal="bob", credential="x", session=None, issued_at=20.0))


def test_changes_are_counted() -> None:
    """The index counts changes of roles, so that a handshake can see a change during a wait."""
    index = RevocationIndex([Revocation(Target.CHANGED, "alice", 1.0)])
    index.add(Revocation(Target.PRINCIPAL, "alice", 1.0))
    index.add(Revocation(Target.CHANGED, "bob", 1.0))
    assert index.changes == 2


def test_a_reload_counts_as_a_change() -> None:
    """What was read from the store before the reload is older than what it answers now."""
    index = RevocationIndex()
    before = index.changes
    index.note_reload()
    assert before < index.reloaded == index.changes
    assert not index.changes < index.reloaded


def test_a_change_is_dated() -> None:
    """A session from before a change of privilege can be told from one that came after it."""
    index = RevocationIndex(
        [Revocation(Target.CHANGED, "alice", 50.0), Revocation(Target.CHANGED, "alice", 40.0)]
    )
    assert index.changed_since("alice", 49.0)
    assert index.changed_since("alice", 50.0)
    assert not index.changed_since("alice", 50.1)
    assert not index.changed_since("bob", 0.0)


def test_an_old_change_is_forgotten() -> None:
    """A change older than every session is forgotten, so that the index stays small."""
    index = RevocationIndex([Revocation(Target.CHANGED, "alice", 50.0)])
    index.forget_sessions(50.1)
    assert not index.changed_since("alice", 0.0)


# Two logs, "a" and "b": a restored backup, for example. Of the second log only the times can be compared.
IN_ORDER = [
    pytest.param(LogPosition("a", 4), 0.0, True, id="issued-before-in-the-first-log"),
    pytest.param(LogPosition("a", 5), 0.0, False, id="issued-after-in-the-first-log"),
    pytest.param(LogPosition("b", 8), 0.0, True, id="issued-before-in-the-second-log"),
    pytest.param(LogPosition("b", 9), 0.0, False, id="issued-after-in-the-second-log"),
    pytest.param(LogPosition("c", 99), 0.0, True, id="a-third-log-and-an-earlier-time"),
    pytest.param(LogPosition("c", 1), 500.0, False, id="a-third-log-and-a-later-time"),
    pytest.param(None, 199.0, True, id="no-position-and-an-earlier-time"),
    pytest.param(None, 500.0, False, id="no-position-and-a-later-time"),
]


@pytest.mark.parametrize("target", [Target.PRINCIPAL, Target.DEVICE])
@pytest.mark.parametrize(("position", "issued_at", "expected"), IN_ORDER)
def test_each_log_has_its_own_order(
    target: Target, position: LogPosition | None, issued_at: float, expected: bool
) -> None:
    """Positions decide within an epoch; the index agrees with the single revocations.

    A time that the other log cannot explain is compared with all revocations without a deciding position,
    so a credential of log "a" needs a time after the revocation in log "b".
    """
    value = "alice" if target is Target.PRINCIPAL else "phone-1"
    log = [
        Revocation(target, value, 200.0, seq=5, epoch="a"),
        Revocation(target, value, 200.0, seq=9, epoch="b"),
    ]
    own = position is not None and position.epoch in "ab"
    held = evidence(position=position, issued_at=300.0 if own else issued_at)
    one_by_one = any(revocation.covers(held) for revocation in log)
    assert one_by_one is expected
    assert RevocationIndex(log).ends(held) is expected
    assert RevocationIndex(reversed(log)).ends(held) is expected


def test_a_time_of_the_operator_beats_positions() -> None:
    """The operator says "all issued until 10:00": a later position does not save an earlier issue."""
    named = Revocation(Target.PRINCIPAL, "alice", 100.0, seq=1, epoch="a", by_time=True)
    held = evidence(position=LogPosition("a", 7), issued_at=99.0)
    assert named.covers(held, skew=60.0)
    assert RevocationIndex([named]).ends(held)
    later = evidence(position=LogPosition("a", 7), issued_at=101.0)
    assert not named.covers(later, skew=60.0)
    assert not RevocationIndex([named], clock_skew_seconds=60.0).ends(later)


def test_of_two_held_revocations_one_release_keeps_the_other() -> None:
    """Two logouts of one session wait for the store; the first that is stored must not free the second."""
    index = RevocationIndex()
    first, second = (Revocation(Target.SESSION, "session-1", at) for at in (100.0, 101.0))
    index.add_unstored(first)
    index.add_unstored(second)
    index.remove_unstored(first)
    assert index.ends(evidence())
    index.remove_unstored(second)
    assert not index.ends(evidence())


def test_a_third_log_has_an_order_of_its_own() -> None:
    """Each restored backup begins a log; the index keeps apart as many as there are."""
    log = [
        Revocation(Target.PRINCIPAL, "alice", 200.0, seq=5, epoch=epoch)
        for epoch in ("a", "b", "c")
    ]
    before = evidence(position=LogPosition("c", 4), issued_at=300.0)
    after = evidence(position=LogPosition("c", 5), issued_at=300.0)
    for entries in itertools.permutations(log):
        assert RevocationIndex(entries).ends(before)
        assert not RevocationIndex(entries).ends(after)


def test_a_stored_revocation_has_its_place_in_the_log() -> None:
    """The copy at its position differs from the revocation in nothing else."""
    before = Revocation(Target.SESSION, "session-1", 5.0, reason="lost phone")
    assert before.placed(LogPosition("e1", 7)) == Revocation(
        Target.SESSION, "session-1", 5.0, 7, "lost phone", "e1"
    )


def test_the_index_knows_a_session_that_moved() -> None:
    """The old id of a session is no longer valid once the session has a new one."""
    index = RevocationIndex([Revocation(Target.MOVED, "session-1 session-9", 100.0)])
    assert index.ends(evidence())
    assert not index.ends(evidence(session="session-9"))


@pytest.mark.parametrize("seconds", [-0.1, 1e9, math.nan])
def test_a_clock_skew_out_of_range_is_rejected(seconds: float) -> None:
    """A huge value would let credentials issued after a revocation end with it."""
    with pytest.raises(ConfigurationError, match="clock_skew_seconds must be 0 to"):
        check_skew(seconds)


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_clock_skew_within_range_is_accepted(seconds: float) -> None:
    """Zero is for one machine, a minute for several."""
    check_skew(seconds)
