"""A chain of any events verifies, and a change of one bit anywhere does not."""

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from stormdoor.core.event import GENESIS, Entry, Event, seal, verify
from tests.properties.strategies import events

keys = st.none() | st.binary(min_size=1, max_size=40)
salts = st.binary(min_size=16, max_size=16).map(bytes.hex)


def sealed(some: list[Event], key: bytes | None) -> list[Entry]:
    """A chain of `some` events."""
    chain: list[Entry] = []
    for seq, event in enumerate(some, 1):
        previous = chain[-1].hash if chain else GENESIS
        chain.append(seal(event, seq=seq, previous=previous, salt=f"{seq:032x}", key=key))
    return chain


def intact(chain: list[Entry], key: bytes | None) -> bool:
    """Return whether every entry verifies."""
    previous = GENESIS
    for seq, entry in enumerate(chain, 1):
        if verify(entry, seq=seq, previous=previous, key=key) is not None:
            return False
        previous = entry.hash
    return True


def readable(event: Event) -> Event:
    """The event with what JSON cannot hold written out."""
    texts = {
        name: value.encode("utf-8", "backslashreplace").decode()
        for name, value in msgspec.structs.asdict(event).items()
        if isinstance(value, str)
    }
    return msgspec.structs.replace(event, **texts)


@given(events, salts, keys)
def test_round_trip(event: Event, salt: str, key: bytes | None) -> None:
    """Any event can be sealed, verifies, and reads as it was written."""
    entry = seal(event, seq=7, previous=GENESIS, salt=salt, key=key)
    assert verify(entry, seq=7, previous=GENESIS, key=key) is None
    assert entry.event == readable(event)


FIELDS = ("seq", "body", "personal", "salt", "commitment", "previous", "hash")


def flip(value: Any, bit: int) -> Any:
    """`value` with one bit changed; `bit` is taken modulo its length."""
    if isinstance(value, int):
        return value ^ (1 << bit % 40)
    data = bytearray(value if isinstance(value, bytes) else value.encode("latin-1"))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(data) if isinstance(value, bytes) else data.decode("latin-1")


@given(events, salts, keys, st.sampled_from(FIELDS), st.integers(0, 10_000), st.booleans())
def test_one_bit_is_found(
    event: Event, salt: str, key: bytes | None, field: str, bit: int, erased: bool
) -> None:
    """A flipped bit in any field is found, whether or not the person has been erased."""
    entry = seal(event, seq=7, previous=GENESIS, salt=salt, key=key)
    if erased:
        entry = replace(entry, personal=None, salt=None)
    value = getattr(entry, field)
    assume(value is not None)
    change = {field: flip(value, bit)}
    assert verify(replace(entry, **change), seq=7, previous=GENESIS, key=key) is not None


@given(st.lists(events, min_size=1, max_size=5), keys, st.data())
def test_only_the_beginning_of_a_chain_verifies(
    some: list[Event], key: bytes | None, data: st.DataObject
) -> None:
    """Of all ways to choose and order entries, only the first so many in order are intact."""
    chain = sealed(some, key)
    picked = data.draw(st.lists(st.integers(0, len(chain) - 1), max_size=6))
    assert intact([chain[n] for n in picked], key) is (picked == list(range(len(picked))))


@given(st.lists(events, min_size=1, max_size=5), keys, st.sets(st.integers(0, 4)))
def test_any_persons_can_be_erased(some: list[Event], key: bytes | None, gone: set[int]) -> None:
    """Erasing the personal part of any entries leaves the chain intact and the rest readable."""
    chain = [
        replace(entry, personal=None, salt=None) if n in gone else entry
        for n, entry in enumerate(sealed(some, key))
    ]
    assert intact(chain, key)
    for n, (entry, event) in enumerate(zip(chain, some, strict=True)):
        assert entry.event.principal == ("" if n in gone else readable(event).principal)
        assert entry.event.name == event.name


@given(events, salts, keys, keys)
def test_another_key_does_not_verify(
    event: Event, salt: str, key: bytes | None, other: bytes | None
) -> None:
    """An entry verifies with its own key only, and a key is not the same as none."""
    # HMAC fills a short key up with zeros, so that two such keys are one.
    assume(
        (key is None) != (other is None)
        or (key or b"").rstrip(b"\0") != (other or b"").rstrip(b"\0")
    )
    entry = seal(event, seq=1, previous=GENESIS, salt=salt, key=key)
    assert verify(entry, seq=1, previous=GENESIS, key=other) is not None
