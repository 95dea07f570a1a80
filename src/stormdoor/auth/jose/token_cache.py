"""Cache of verified tokens, so that the next handshake need not verify the signature again."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["TokenCache"]

Value = TypeVar("Value")

_SWEEP_SECONDS = 60.0


class TokenCache(Generic[Value]):
    """Cache of verified tokens by their SHA-256. When it is full, the least recently used one is dropped.

    Only validly signed tokens are stored, so an unauthenticated client cannot displace others. The cache
    replaces only the cryptography: its caller checks times, session, account and single use again.

    Args:
        size: Number of entries; 0 keeps none.
    """

    __slots__ = ("_entries", "_size", "_swept_at")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, tuple[float, Value]] = {}
        self._swept_at = 0.0

    def get(self, digest: bytes, now: float) -> Value | None:
        """Return the token of that digest, if it is cached and has not expired."""
        entry = self._entries.pop(digest, None)
        if entry is None or now >= entry[0]:
            return None
        self._entries[digest] = entry
        return entry[1]

    def put(self, digest: bytes, value: Value, *, expires_at: float, now: float) -> None:
        """Cache a token until `expires_at`, and drop expired entries.

        Args:
            digest: SHA-256 of the token.
            value: The verified token.
            expires_at: Unix seconds.
            now: Unix seconds.
        """
        if not self._size:
            return
        # A clock that went back must not postpone the clean-up.
        if not 0.0 <= now - self._swept_at < _SWEEP_SECONDS:
            self._entries = {key: entry for key, entry in self._entries.items() if entry[0] > now}
            self._swept_at = now
        self._entries[digest] = (expires_at, value)
        if len(self._entries) > self._size:
            del self._entries[next(iter(self._entries))]

    def __len__(self) -> int:
        return len(self._entries)
