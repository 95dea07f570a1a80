"""Cache of answers of an introspection, with a greatest age."""

from __future__ import annotations

from typing import TypeVar

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jwt_verifier import Verified
from stormdoor.auth.oauth.timestamp import Timestamp
from stormdoor.errors import ConfigurationError

__all__ = ["AnswerCache"]

T = TypeVar("T")


class AnswerCache:
    """Cache of answers by the SHA-256 of the token. When it is full, the least recently used is dropped.

    INVARIANT: a positive answer is used until the token expires, but at most for `max_seconds`; a negative
    one for at most `negative_seconds`. They are stored separately, so that a client with invented tokens
    displaces only negative answers.

    Args:
        size: Largest number of positive answers, and of negative ones; 0 caches none.
        max_seconds: Seconds for which a positive answer is used.
        negative_seconds: Seconds for which a negative one is used.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = ("_max_seconds", "_negative_seconds", "_no", "_size", "_yes")

    def __init__(self, *, size: int, max_seconds: float, negative_seconds: float) -> None:
        if not 0.0 <= max_seconds <= 3600.0:
            raise ConfigurationError(f"max_seconds must be 0 to 3600, not {max_seconds}")
        if not 0.0 <= negative_seconds <= 60.0:
            raise ConfigurationError(f"negative_seconds must be 0 to 60, not {negative_seconds}")
        if size < 0:
            raise ConfigurationError(f"cache must be 0 or more, not {size}")
        self._size = size
        self._max_seconds = max_seconds
        self._negative_seconds = negative_seconds
        self._yes: dict[bytes, tuple[Timestamp, Verified]] = {}
        self._no: dict[bytes, tuple[Timestamp, Rejected]] = {}

    def get(
        self, digest: bytes, now: Timestamp, *, within: float = float("inf")
    ) -> Verified | Rejected | None:
        """Return the cached answer about a token.

        Args:
            digest: SHA-256 of the token.
            now: Present time.
            within: Greatest age of a positive answer in seconds, if less than `max_seconds`.
        """
        yes = self._yes.pop(digest, None)
        if yes is not None:
            at, verified = yes
            age = at.age(now)
            if age < self._max_seconds and not verified.claims.expired(now.wall):
                self._yes[digest] = yes
                if age < within:
                    return verified
            return None
        no = self._no.get(digest)
        if no is not None:
            at, rejected = no
            if at.age(now) < self._negative_seconds:
                return rejected
            del self._no[digest]
        return None

    def put(self, digest: bytes, answer: Verified | Rejected, asked: Timestamp) -> None:
        """Store an answer with the time of the request."""
        self._yes.pop(digest, None)
        self._no.pop(digest, None)
        if isinstance(answer, Verified):
            _keep(self._yes, digest, (asked, answer), self._size)
        else:
            _keep(self._no, digest, (asked, answer), self._size)

    def __len__(self) -> int:
        return len(self._yes) + len(self._no)


def _keep(entries: dict[bytes, T], digest: bytes, entry: T, size: int) -> None:
    entries[digest] = entry
    if len(entries) > size:
        del entries[next(iter(entries))]
