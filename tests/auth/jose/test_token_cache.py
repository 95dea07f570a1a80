"""The memory of verified tokens is bounded and forgets in time."""

import pytest

from stormdoor.auth.jose.token_cache import TokenCache


def filled(size: int, *, count: int) -> TokenCache[int]:
    """A cache after `count` tokens that expire one after the other."""
    cache: TokenCache[int] = TokenCache(size)
    for n in range(count):
        cache.put(bytes([n]), n, expires_at=1000.0 + n, now=100.0)
    return cache


def test_what_was_put_in_comes_out() -> None:
    """Until it expires."""
    cache = filled(10, count=3)
    assert [cache.get(bytes([n]), 500.0) for n in range(4)] == [0, 1, 2, None]


def test_an_expired_entry_is_dropped() -> None:
    """Its second look-up finds nothing, at any later time."""
    cache = filled(10, count=3)
    assert cache.get(b"\x01", 1001.0) is None
    assert cache.get(b"\x01", 500.0) is None
    assert len(cache) == 2


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (1, 1), (5, 5)])
def test_it_is_bounded(size: int, kept: int) -> None:
    """However many tokens come."""
    assert len(filled(size, count=50)) == kept


def test_the_least_used_goes_first() -> None:
    """A token in use stays while others come and go."""
    cache = filled(3, count=3)
    for n in range(3, 20):
        cache.get(b"\x00", 100.0)
        cache.put(bytes([n]), n, expires_at=2000.0, now=100.0)
    assert cache.get(b"\x00", 100.0) == 0


@pytest.mark.parametrize(("now", "left"), [(120.0, 6), (1003.0, 2), (50.0, 6)])
def test_expired_entries_are_swept_out(now: float, left: int) -> None:
    """Once a minute, also those that no client presents again; a clock that went back does no harm."""
    cache = filled(10, count=5)
    cache.put(b"new", 7, expires_at=5000.0, now=now)
    assert len(cache) == left
