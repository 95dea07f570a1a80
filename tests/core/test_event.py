"""The trail's chain shows every change, and forgets a person without a gap."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from stormdoor.core.denial import Denial
from stormdoor.core.event import (
    GENESIS,
    REFUSED_AS,
    Entry,
    Event,
    commitment,
    link,
    seal,
    searched_by,
    verify,
)
from stormdoor.core.event import chain as continue_chain
from stormdoor.errors import ConfigurationError

KEY = b"k" * 32
KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])

# OWASP Logging Vocabulary, as far as a refusal uses it.
NAMES = {
    "authn_login_fail",
    "authn_login_fail_max",
    "authz_fail",
    "excess_rate_limit_exceeded",
    "excess_sessions_exceeded",
    "input_validation_fail",
    "malicious_cors",
    "session_use_after_expire",
    "sys_crash",
    "sys_shutdown",
    "sys_unavailable",
}

FULL = Event(
    time=1_767_707_100.5,
    name="authz_fail",
    cause="forbidden",
    endpoint="/chat",
    permission="chat:kick",
    kind="session",
    policies=("no-kick", "role:member"),
    count=3,
    principal="alice",
    actor="ada",
    address="192.0.2.1",
    user_agent="Mozilla/5.0 \u2603",
    connection="c1",
    detail='{"quoted": true}\n',
)


def salt(n: int) -> str:
    """A salt that is easy to tell from another."""
    return f"{n:032x}"


def chain(length: int, key: bytes | None = None) -> list[Entry]:
    """`length` entries, each after the one before it."""
    entries: list[Entry] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        event = Event(time=float(seq), name="authz_fail", principal=f"p{seq}", detail="d" * seq)
        entry = seal(event, seq=seq, previous=previous, salt=salt(seq), key=key)
        entries.append(entry)
        previous = entry.hash
    return entries


def check(entries: list[Entry], key: bytes | None = None) -> list[str]:
    """Return all faults of a whole trail."""
    problems = []
    previous = GENESIS
    for seq, entry in enumerate(entries, 1):
        problem = verify(entry, seq=seq, previous=previous, key=key)
        if problem is not None:
            problems.append(problem)
        previous = entry.hash
    return problems


def test_every_denial_has_exactly_one_event() -> None:
    """No refusal is without a name in the trail."""
    assert list(REFUSED_AS) == list(Denial)


@pytest.mark.parametrize("denial", list(Denial), ids=lambda denial: denial.value)
def test_a_refusal_has_a_name_of_the_vocabulary(denial: Denial) -> None:
    """Names are those that a SIEM knows."""
    assert REFUSED_AS[denial] in NAMES


@KEYS
@pytest.mark.parametrize("event", [FULL, Event(time=0.0, name="sys_startup")], ids=["full", "bare"])
def test_a_sealed_event_comes_back(event: Event, key: bytes | None) -> None:
    """A sealed event verifies, and reads as it was written."""
    entry = seal(event, seq=1, previous=GENESIS, salt=salt(1), key=key)
    assert verify(entry, seq=1, previous=GENESIS, key=key) is None
    assert entry.event == event


@KEYS
def test_a_whole_chain_verifies(key: bytes | None) -> None:
    """An unchanged trail verifies."""
    assert check(chain(20, key), key) == []


def test_the_public_part_names_nobody() -> None:
    """Only the personal part contains the principal and the address."""
    entry = seal(FULL, seq=1, previous=GENESIS, salt=salt(1))
    public = set(msgspec.json.decode(entry.body))
    assert public == {
        "time",
        "name",
        "cause",
        "endpoint",
        "permission",
        "kind",
        "policies",
        "count",
    }
    assert set(msgspec.json.decode(entry.personal or b"")) == {
        "principal",
        "actor",
        "address",
        "user_agent",
        "connection",
        "detail",
    }


def test_one_event_has_one_form() -> None:
    """The bytes that are hashed do not depend on the order of fields: keys are sorted."""
    entry = seal(FULL, seq=1, previous=GENESIS, salt=salt(1))
    for part in (entry.body, entry.personal or b""):
        keys = list(msgspec.json.decode(part))
        assert keys == sorted(keys)


# Changes ----------------------------------------------------------------------------------------

OTHER_HASH = "ab" * 32
TAMPERED: list[tuple[str, Any, str]] = [
    ("body", {"body": b'{"name":"authz_fail","time":3.5}'}, "changed"),
    ("body-of-another-spelling", {"body": b'{ "name":"authz_fail","time":3.0}'}, "changed"),
    ("body-empty", {"body": b""}, "changed"),
    ("body-as-text", {"body": '{"name":"authz_fail","time":3.0}'}, "damaged"),
    ("body-none", {"body": None}, "damaged"),
    ("personal", {"personal": b'{"detail":"ddd","principal":"p4"}'}, "personal part"),
    ("personal-empty", {"personal": b""}, "personal part"),
    ("personal-as-text", {"personal": '{"detail":"ddd","principal":"p3"}'}, "personal part"),
    ("salt", {"salt": salt(4)}, "personal part"),
    ("salt-none", {"salt": None}, "personal part"),
    ("salt-empty", {"salt": ""}, "personal part"),
    ("salt-no-hex", {"salt": "x" * 32}, "personal part"),
    ("salt-longer", {"salt": salt(3) + "7b", "personal": b'"x"}'}, "personal part"),
    ("salt-number", {"salt": 3}, "personal part"),
    ("commitment", {"commitment": OTHER_HASH}, "changed"),
    ("commitment-shorter", {"commitment": "ab" * 31}, "damaged"),
    ("commitment-empty", {"commitment": ""}, "damaged"),
    ("commitment-no-hex", {"commitment": "x" * 64}, "damaged"),
    ("commitment-none", {"commitment": None}, "damaged"),
    ("previous", {"previous": OTHER_HASH}, "does not follow"),
    ("hash", {"hash": OTHER_HASH}, "changed"),
    ("hash-empty", {"hash": ""}, "changed"),
    ("hash-not-ascii", {"hash": "ä" * 64}, "damaged"),
    ("hash-none", {"hash": None}, "damaged"),
    ("seq", {"seq": 4}, "is missing"),
    ("seq-zero", {"seq": 0}, "is missing"),
]


@KEYS
@pytest.mark.parametrize(
    ("changes", "found"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED]
)
def test_a_changed_field_is_found(changes: Any, found: str, key: bytes | None) -> None:
    """Verification reports a changed field of any type, and does not raise."""
    entries = chain(5, key)
    problem = verify(replace(entries[2], **changes), seq=3, previous=entries[1].hash, key=key)
    assert problem is not None
    assert found in problem


@pytest.mark.parametrize("field", ["salt", "commitment", "hash"])
def test_another_spelling_of_a_hash_is_a_change(field: str) -> None:
    """Capitals and spaces give the same bytes in hex, and are still not what was written."""
    event = Event(time=1.0, name="authz_fail", principal="alice")
    entry = seal(event, seq=1, previous=GENESIS, salt="ab" * 16)
    for spelling in (str.upper, lambda text: text + " ", lambda text: text[:2] + " " + text[2:]):
        change: dict[str, Any] = {field: spelling(getattr(entry, field))}
        changed = replace(entry, **change)
        assert verify(changed, seq=1, previous=GENESIS) is not None
        erased = replace(changed, personal=None, salt=None)
        if field != "salt":
            assert verify(erased, seq=1, previous=GENESIS) is not None


def test_no_byte_moves_from_one_field_to_the_next() -> None:
    """The commitment of an erased entry cannot give a byte to the body, nor take one."""
    entry = replace(seal(FULL, seq=1, previous=GENESIS, salt=salt(1)), personal=None, salt=None)
    longer = entry.commitment + entry.body[:1].hex()
    shorter = bytes.fromhex(entry.commitment[-2:])
    for changed in (
        replace(entry, commitment=longer, body=entry.body[1:]),
        replace(entry, commitment=entry.commitment[:-2], body=shorter + entry.body),
    ):
        assert verify(changed, seq=1, previous=GENESIS) == "entry 1 is damaged"


def test_no_byte_moves_from_the_salt_to_the_person() -> None:
    """A longer salt and a shorter personal part do not have the same commitment."""
    entry = seal(FULL, seq=1, previous=GENESIS, salt=salt(1))
    assert entry.personal is not None
    moved = replace(entry, salt=salt(1) + entry.personal[:4].hex(), personal=entry.personal[4:])
    assert verify(moved, seq=1, previous=GENESIS) == "the personal part of entry 1 was changed"


# Reorder, splice, truncate ----------------------------------------------------------------------

REARRANGED: list[tuple[str, Callable[[list[Entry]], list[Entry]]]] = [
    ("removed", lambda entries: entries[:3] + entries[4:]),
    ("first-removed", lambda entries: entries[1:]),
    ("twice", lambda entries: [*entries[:4], entries[3], *entries[4:]]),
    ("swapped", lambda entries: [entries[0], entries[2], entries[1], *entries[3:]]),
    ("reversed", lambda entries: entries[::-1]),
    (
        "removed-and-numbered",
        lambda entries: [
            replace(entry, seq=seq) for seq, entry in enumerate(entries[:3] + entries[4:], 1)
        ],
    ),
    (
        "removed-and-linked",
        lambda entries: [
            *entries[:3],
            replace(entries[4], seq=4, previous=entries[2].hash),
            *entries[5:],
        ],
    ),
    (
        "from-another-chain",
        lambda entries: [
            *entries[:3],
            seal(Event(time=9.0, name="x"), seq=4, previous=OTHER_HASH, salt=salt(9), key=KEY),
            *entries[4:],
        ],
    ),
    (
        "person-exchanged",
        lambda entries: [
            *entries[:3],
            replace(entries[3], personal=entries[4].personal, salt=entries[4].salt),
            *entries[4:],
        ],
    ),
]


@pytest.mark.parametrize(
    "rearrange", [row[1] for row in REARRANGED], ids=[row[0] for row in REARRANGED]
)
@KEYS
def test_a_rearranged_chain_is_found(
    rearrange: Callable[[list[Entry]], list[Entry]], key: bytes | None
) -> None:
    """Entries cannot be taken out, put in, repeated, exchanged or moved."""
    assert check(rearrange(chain(8, key)), key) != []


@KEYS
def test_what_is_put_in_breaks_all_that_follows(key: bytes | None) -> None:
    """A forged entry that links to the one before it is not linked to by the one after it."""
    entries = chain(6, key)
    forged = seal(
        Event(time=4.0, name="authz_admin"), seq=4, previous=entries[2].hash, salt=salt(9), key=key
    )
    assert check([*entries[:3], forged, *entries[4:]], key) == [
        "entry 5 does not follow the entry before it"
    ]


def test_a_cut_end_is_seen_by_who_knows_the_end() -> None:
    """The chain alone cannot show that its end is missing: the last hash must be kept elsewhere."""
    entries = chain(6)
    assert check(entries[:4]) == []
    assert entries[3].hash != entries[-1].hash


def test_without_the_key_a_chain_cannot_be_rewritten() -> None:
    """An attacker without the key cannot make a chain that verifies."""
    guesses = (None, b"guess" * 7, KEY[:-1], KEY + b"k", KEY[:-1] + b"l")
    assert all(check(chain(2, guess), KEY) for guess in guesses)


def test_a_keyed_chain_does_not_verify_without_the_key() -> None:
    """A check that has lost its key reports every entry, and passes none."""
    assert len(check(chain(3, KEY), None)) == 3


def test_an_empty_key_is_no_key() -> None:
    """An empty key (an unset variable) does not quietly turn the HMAC into a plain hash."""
    with pytest.raises(ConfigurationError, match="is empty"):
        chain(1, b"")
    with pytest.raises(ConfigurationError, match="is empty"):
        check(chain(1), b"")


# Erasure ----------------------------------------------------------------------------------------


@KEYS
def test_erasure_leaves_the_chain_whole(key: bytes | None) -> None:
    """The person goes, the event stays, and every hash still fits."""
    entries = [replace(entry, personal=None, salt=None) for entry in chain(5, key)]
    assert check(entries, key) == []
    assert {(entry.event.principal, entry.event.name) for entry in entries} == {("", "authz_fail")}


def test_half_an_erasure_is_found() -> None:
    """Verification reports an erasure that left the salt, because the salt permits guesses of names."""
    entry = replace(chain(1)[0], personal=None)
    assert check([entry]) == ["the personal part of entry 1 was changed"]


def test_an_erased_part_cannot_be_replaced() -> None:
    """Verification reports a name that replaces an erased one."""
    entry = chain(1)[0]
    forged = replace(entry, personal=b'{"principal":"mallory"}', salt=salt(7))
    assert check([forged]) == ["the personal part of entry 1 was changed"]


def test_the_same_person_has_another_commitment_each_time() -> None:
    """Entries of one person cannot be found by their commitments once the salts are gone."""
    event = Event(time=1.0, name="authz_fail", principal="alice")
    sealed = [seal(event, seq=1, previous=GENESIS, salt=salt(n)) for n in range(10)]
    assert len({entry.commitment for entry in sealed}) == 10


@pytest.mark.parametrize(
    "bad", ["", "00", "0" * 31, "0" * 33, "x" * 32, "AB" * 16, " " + "0" * 31, "0" * 32 + "\n"]
)
def test_a_salt_is_sixteen_bytes(bad: str) -> None:
    """A weak salt would let a name be guessed from its commitment: it is refused."""
    with pytest.raises(ValueError, match="not"):
        commitment(bad, b"{}")


@pytest.mark.parametrize("bad", ["", "00", "0" * 31, "0" * 33, "0" * 64, "x" * 32])
def test_nothing_is_sealed_with_a_weak_salt(bad: str) -> None:
    """An entry without a whole salt is not made in the first place."""
    with pytest.raises(ValueError, match=r"salt|hexadecimal"):
        seal(FULL, seq=1, previous=GENESIS, salt=bad)


@pytest.mark.parametrize("bad", ["", "00", "AB" * 32, "x" * 64, "0" * 66, "0" * 64 + "\n"])
def test_a_hash_is_thirty_two_bytes(bad: str) -> None:
    """A hash of another length than 32 bytes is refused."""
    with pytest.raises(ValueError, match="not"):
        link(bad, 1, b"{}", GENESIS, None)
    with pytest.raises(ValueError, match="not"):
        link(GENESIS, 1, b"{}", bad, None)


# Text from the network --------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["user_agent", "detail", "principal", "endpoint", "permission"])
@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfffb", "\udcff" * 3, "\x00\x1f\x7f", "\u2028", "😀"]
)
def test_no_text_prevents_an_entry(field: str, text: str) -> None:
    """Half a surrogate pair in what a client sent does not cost the trail an entry."""
    event = Event(time=1.0, name="authz_fail", **{field: text})  # type: ignore[arg-type]
    entry = seal(event, seq=1, previous=GENESIS, salt=salt(1))
    assert check([entry]) == []
    read = getattr(entry.event, field)
    assert read == text.encode("utf-8", "backslashreplace").decode()


def test_text_does_not_end_the_line() -> None:
    """A stored part is one line, so that a client cannot forge a second entry in an export."""
    event = Event(time=1.0, name="authz_fail", detail='x"}\n{"name":"authn_login_success"\r\n')
    entry = seal(event, seq=1, previous=GENESIS, salt=salt(1))
    assert entry.personal is not None
    assert not set(b"\r\n") & set(entry.personal)


def test_each_entry_of_a_batch_has_salt_of_its_own() -> None:
    """Salt that is too short for all of them is no chain: two entries would share what hides them."""
    events = [Event(time=1.0, name="authz_fail")] * 2
    for salts in (b"", b"s" * 16, b"s" * 31, b"s" * 33):
        with pytest.raises(ValueError, match="a salt is 16 bytes"):
            continue_chain(events, salts, after=(0, GENESIS))
    assert len(continue_chain(events, b"s" * 32, after=(0, GENESIS))) == 2


@pytest.mark.parametrize("body", [b"{", b'{"time": "soon"}', b"\xff"])
def test_a_part_that_cannot_be_read_has_no_copies_that_hold(body: bytes) -> None:
    """Verification reports the searchable copies of an entry if its sealed body is no event."""
    good = seal(FULL, seq=1, previous=GENESIS, salt=salt(1), key=KEY)
    bad = replace(
        good,
        body=body,
        hash=link(GENESIS, 1, body, good.commitment, KEY),
        copies=searched_by(FULL),
    )
    problem = verify(bad, seq=1, previous=GENESIS, key=KEY)
    assert problem is not None
    assert "search" in problem


def test_a_changed_copy_is_reported() -> None:
    """An attacker who changes only what a search looks at would hide the entry from the search."""
    entry = seal(FULL, seq=1, previous=GENESIS, salt=salt(1), key=KEY)
    assert (
        verify(replace(entry, copies=searched_by(FULL)), seq=1, previous=GENESIS, key=KEY) is None
    )
    changed = replace(entry, copies=searched_by(msgspec.structs.replace(FULL, principal="bob")))
    problem = verify(changed, seq=1, previous=GENESIS, key=KEY)
    assert problem == "what entry 1 is found by was changed: a search may miss it"


def test_an_entry_is_listed_among_those_of_other_chains() -> None:
    """The number of an entry is its place among all chains; with one chain, its position there."""
    entry = seal(FULL, seq=7, previous=GENESIS, salt=salt(7))
    assert entry.number == 7
    assert replace(entry, listed=12).number == 12
