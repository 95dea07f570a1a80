"""The revocations that a process knows and a log lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stormdoor.core.revocation import Revocation, RevocationIndex, Target

_LASTING = [
    Revocation(Target.PRINCIPAL, "alice", 10.0, 1, "", "a"),
    Revocation(Target.ROLE, "admin", 10.0, 2, "", "a"),
    Revocation(Target.EVERYTHING, "", 10.0, 3, "", "a"),
    Revocation(Target.TOKEN, "t", 10.0, 4, "", "a"),
    Revocation(Target.TENANT, "acme", 5.0, 0, "", "", by_time=True),
]


def test_nothing_is_missing_in_the_same_log() -> None:
    """A log with all entries lacks none; an empty one lacks each."""
    index = RevocationIndex(_LASTING)
    assert index.missing_in(_LASTING) == []
    assert set(index.missing_in([])) == set(_LASTING)


@pytest.mark.parametrize("one", _LASTING, ids=lambda one: one.target.value)
def test_the_missing_one_is_returned(one: Revocation) -> None:
    """Exactly the entry that the log lacks is missing, also if it has an earlier one of that name."""
    index = RevocationIndex(_LASTING)
    held = [other for other in _LASTING if other is not one]
    assert index.missing_in(held) == [one]
    if one.target is not Target.TOKEN:
        earlier = replace(one, at=one.at - 1.0, seq=max(0, one.seq - 1))
        assert index.missing_in([*held, earlier]) == [one]


def test_entries_of_two_epochs() -> None:
    """An entry of each epoch is kept, and each may be missing."""
    first = Revocation(Target.PRINCIPAL, "alice", 10.0, 9, "", "a")
    second = Revocation(Target.PRINCIPAL, "alice", 11.0, 3, "", "b")
    index = RevocationIndex([first, second])
    assert set(index.missing_in([])) == {first, second}
    assert index.missing_in([second]) == [first]
    assert not first.included_in(replace(second, value="bob"))


def test_what_no_log_has_is_not_missing() -> None:
    """A revocation that was never stored has no position; a session keeps the stored one."""
    moved = Revocation(Target.MOVED, "old new", 10.0, 5, "", "a")
    index = RevocationIndex([Revocation(Target.SESSION, "s", 10.0), moved])
    assert index.missing_in([]) == [replace(moved, target=Target.SESSION, value="old")]
    stored = Revocation(Target.SESSION, "s", 9.0, 6, "", "a")
    index.add(stored)
    index.add(Revocation(Target.SESSION, "s", 20.0))
    assert stored in index.missing_in([])
