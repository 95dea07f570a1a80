"""The present keys of a provider: fetched, cached, and dropped when the provider drops them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jws import Jws
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jose.key_source import quoted
from stormdoor.auth.oauth.client import ProviderClient, Unanswered
from stormdoor.auth.oauth.discovery import IssuerMetadata
from stormdoor.auth.oauth.jwks import KeySet, read_jwks
from stormdoor.auth.oauth.provider import Provider
from stormdoor.auth.oauth.single_flight import SingleFlight
from stormdoor.auth.oauth.timestamp import Timestamp
from stormdoor.core.denial import Denial
from stormdoor.errors import ConfigurationError

__all__ = ["RemoteKeys"]

_log = logging.getLogger("stormdoor.oauth")

_QUESTION = b"keys"


class RemoteKeys:
    """A `KeySource` that fetches the keys of a provider.

    INVARIANT: a key is valid only while the last fetched set contains it, and that set is not older than
    `max_stale_seconds`. Between two attempts to fetch it for a token there are `cooldown_seconds`, for all
    tokens together.

    Args:
        provider: The provider.
        client: HTTPS client for the provider.
        calls: Stops requests while the provider fails.
        monotonic: Function that returns monotonic seconds.
        algorithms: Accepted algorithms.
        refresh_seconds: Age after which the set is fetched again.
        cooldown_seconds: Least time between two attempts.
        max_stale_seconds: Greatest age of the set while the provider does not answer.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        client: ProviderClient,
        calls: SingleFlight[KeySet],
        monotonic: Callable[[], float],
        algorithms: Sequence[str],
        refresh_seconds: float = 300.0,
        cooldown_seconds: float = 10.0,
        max_stale_seconds: float = 3600.0,
    ) -> None:
        if not 0.0 < cooldown_seconds <= refresh_seconds <= max_stale_seconds <= 86_400.0:
            raise ConfigurationError(
                "keys need 0 < cooldown_seconds <= refresh_seconds <= max_stale_seconds <= 86400, not "
                f"{cooldown_seconds:g}, {refresh_seconds:g} and {max_stale_seconds:g}"
            )
        self._provider = provider
        self._client = client
        self._calls = calls
        self._monotonic = monotonic
        self._algorithms = tuple(algorithms)
        self.refresh_seconds = refresh_seconds
        self._cooldown_seconds = cooldown_seconds
        self._max_stale_seconds = max_stale_seconds
        self._keys = KeySet()
        self._held: frozenset[JwtKey] = frozenset()
        self._fetched: Timestamp | None = None
        self._tried: float | None = None
        self._failing: Unanswered | None = None
        self.generation = 0
        """Increases whenever a key was dropped."""

    def _age(self, now: float) -> float:
        if self._fetched is None:
            return float("inf")
        return self._fetched.age(Timestamp(self._monotonic(), now))

    def holds(self, key: JwtKey, now: float) -> bool:
        """Return whether the key is valid (see `KeySource`).

        It is also False if the keys are so old that they must be fetched again first.
        """
        return key in self._held and self._age(now) < self.refresh_seconds

    def dropped(self, key: JwtKey) -> bool:
        """Return whether the provider is known to have dropped the key."""
        return key not in self._held

    async def find(self, jws: Jws, now: float) -> JwtKey | Rejected:
        """See `KeySource`."""
        if jws.algorithm not in self._algorithms:
            # Before any request: no answer of the provider could make it valid.
            return Rejected(
                Denial.BAD_CREDENTIAL,
                f"alg is {quoted(jws.algorithm)}; accepted are {', '.join(self._algorithms)}",
            )
        await self.refresh(now)
        key = self._keys.find(jws.kid, jws.algorithm)
        if key is None and await self.refresh(now, unknown=True):
            key = self._keys.find(jws.kid, jws.algorithm)
        stale = self._age(now) >= self._max_stale_seconds
        if key is not None and not stale:
            return key
        if stale or self._failing is not None:
            # The provider may have the key by now.
            why = self._failing or Unanswered("the keys were never fetched")
            return Rejected(
                Denial.UNAVAILABLE,
                f"the keys of the provider are not known: {why.reason}",
                charged=False,
                retry_after=why.retry_after,
            )
        if jws.kid is None:
            what = f"the token names no key (kid), and there is not exactly one for {jws.algorithm}"
        elif self._keys.names(jws.kid):
            what = f"alg is {quoted(jws.algorithm)}; the key is for another algorithm only"
        else:
            what = f"the provider has no key with the kid {quoted(jws.kid)}"
        return Rejected(Denial.BAD_CREDENTIAL, what)

    async def refresh(self, now: float, *, unknown: bool = False) -> bool:
        """Fetch the set if it is due, or if a token names an unknown key.

        Args:
            now: Unix seconds.
            unknown: Whether such a token is the reason.

        Returns:
            Whether it made an attempt.
        """
        if not unknown and self._age(now) < self.refresh_seconds:
            return False
        monotonic = self._monotonic()
        flying = self._tried is not None and monotonic - self._tried < self._cooldown_seconds
        if flying and not self._calls.flying(_QUESTION):
            return False
        if not flying:
            self._tried = monotonic
        outcome = await self._calls.ask(_QUESTION, lambda: self._fetch(now))
        self._failing = outcome if isinstance(outcome, Unanswered) else None
        return True

    async def prefetch(self, now: float) -> None:
        """Fetch the set before the first token arrives.

        If that fails, the next token does not wait for the cool-down: a provider that starts at the same
        time as this process may answer a moment later.
        """
        await self.refresh(now)
        if self._failing is not None:
            self._tried = None
            _log.warning(
                "the keys of %s are asked for again when a token comes: %s",
                self._provider.issuer,
                self._failing.reason,
            )

    async def _fetch(self, now: float) -> KeySet | Unanswered:
        # INVARIANT: its age counts from the request, not from the answer: the answer may be that old.
        asked = Timestamp(self._monotonic(), now)
        metadata = await self._provider.metadata(now)
        if isinstance(metadata, Unanswered):
            return metadata
        found = await self._read(metadata)
        if isinstance(found, Unanswered):
            self._provider.forget()  # its address may have changed
            return found
        self._adopt(found, asked)
        return found

    async def _read(self, metadata: IssuerMetadata) -> KeySet | Unanswered:
        if metadata.jwks_uri is None:
            return Unanswered("the document about the issuer names no jwks_uri")
        answer = await self._client.get(metadata.jwks_uri)
        if isinstance(answer, Unanswered):
            return answer
        if answer.body is None:
            return Unanswered(f"the key set was answered with {answer.status}")
        return read_jwks(answer.body, self._algorithms, self._keys)

    def _adopt(self, found: KeySet, asked: Timestamp) -> None:
        """Replace the keys."""
        held = frozenset(found.known.values())
        gone = [key for key in self._keys.known.values() if key not in held]
        if gone:
            self.generation += 1
            _log.warning("the provider has dropped keys: %s", [key.kid for key in gone])
        self._keys, self._held, self._fetched = found, held, asked
