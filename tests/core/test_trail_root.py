"""The root chain: its entries are sealed as all others, and name the head of another chain."""

from dataclasses import replace

import pytest

from stormdoor.core.event import GENESIS, Entry, verify
from stormdoor.core.trail_root import ROOT, ChainHead, recorded_head, seal_head

HEAD = ChainHead(3, 17, "ab" * 32)
SALT = b"s" * 16


def sealed(key: bytes | None = b"key") -> Entry:
    """Return the first entry of a root chain."""
    return seal_head(HEAD, time=5.0, after=(0, GENESIS), salt=SALT, key=key)


@pytest.mark.parametrize("key", [None, b"key"])
def test_entry_records_a_head(key: bytes | None) -> None:
    """An entry of the root chain verifies, and returns the recorded head."""
    entry = sealed(key)
    assert entry.chain == ROOT
    assert recorded_head(entry) == HEAD
    assert entry.event.name == "trail_head"
    assert entry.event.time == 5.0
    assert verify(entry, seq=1, previous=GENESIS, key=key) is None


def test_sealed_bytes_stay_as_they_are() -> None:
    """The hash of an entry is that of this release: stored root chains verify with later ones."""
    entry = sealed()
    assert entry.body == (
        b'{"chain":3,"hash":"' + b"ab" * 32 + b'","name":"trail_head","seq":17,"time":5.0}'
    )
    assert entry.hash == "3045ef979a7d5f46d5496388683eb749266cbd07e362ebe84dba824132940c3d"


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"chain":"3"}', "text"])
def test_damaged_entry_records_nothing(body: bytes) -> None:
    """An entry with another body records no head."""
    assert recorded_head(replace(sealed(), body=body)) is None


def test_changed_head_is_found() -> None:
    """The hash of the entry covers the recorded head."""
    entry = sealed()
    other = replace(entry, body=entry.body.replace(b'"seq":17', b'"seq":16'))
    assert verify(other, seq=1, previous=GENESIS, key=b"key") == (
        "entry 1 was changed, or the key is another"
    )
