"""Tokens whose signature has been verified, so that the next handshake need not do it again."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["TokenCache"]

Value = TypeVar("Value")

_SWEEP_SECONDS = 60.0


class TokenCache(Generic[Value]):
    """What verified tokens say, by the SHA-256 of the token. Bounded; the least used goes first.

    Only tokens that somebody with the key has signed come in, so a stranger cannot push others out.
    It saves the cryptography and nothing else: whoever uses an entry judges time, session, account
    and single use again.

    Args:
        size: Entries; 0 keeps none.
    """

    __slots__ = ("_entries", "_size", "_swept_at")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, tuple[float, Value]] = {}
        self._swept_at = 0.0

    def get(self, digest: bytes, now: float) -> Value | None:
        """What the token of that digest says, if it is remembered and has not expired."""
        entry = self._entries.pop(digest, None)
        if entry is None or now >= entry[0]:
            return None
        self._entries[digest] = entry
        return entry[1]

    def put(self, digest: bytes, value: Value, *, expires_at: float, now: float) -> None:
        """Remember it until `expires_at`; what has expired meanwhile is swept out.

        Args:
            digest: SHA-256 of the token.
            value: What it says.
            expires_at: Unix seconds.
            now: Unix seconds.
        """
        if not self._size:
            return
        # A clock that went back must not postpone the sweep.
        if not 0.0 <= now - self._swept_at < _SWEEP_SECONDS:
            self._entries = {key: entry for key, entry in self._entries.items() if entry[0] > now}
            self._swept_at = now
        self._entries[digest] = (expires_at, value)
        if len(self._entries) > self._size:
            del self._entries[next(iter(self._entries))]

    def __len__(self) -> int:
        return len(self._entries)
