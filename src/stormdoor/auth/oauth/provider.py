"""The endpoints of a provider, discovered again from time to time."""

from __future__ import annotations

from collections.abc import Callable

from stormdoor.auth.oauth.client import ProviderClient, Unanswered
from stormdoor.auth.oauth.discovery import IssuerMetadata, discover
from stormdoor.auth.oauth.timestamp import Timestamp

__all__ = ["Provider"]

_KEPT_SECONDS = 3600.0


class Provider:
    """The metadata of a provider, discovered or configured.

    Args:
        issuer: Its name, which is also the base of its document's address.
        client: HTTPS client for the provider.
        monotonic: Function that returns monotonic seconds.
        base: Address below which its document is, if that is not the issuer.
        told: Configured endpoints, which make discovery unnecessary.
    """

    def __init__(
        self,
        issuer: str,
        *,
        client: ProviderClient,
        monotonic: Callable[[], float],
        base: str | None = None,
        told: IssuerMetadata | None = None,
    ) -> None:
        self.issuer = issuer
        self._client = client
        self._monotonic = monotonic
        self._base = issuer if base is None else base
        self._told = told
        self._known: tuple[Timestamp, IssuerMetadata] | None = None

    async def metadata(self, now: float) -> IssuerMetadata | Unanswered:
        """Return its endpoints at `now` (Unix seconds)."""
        if self._told is not None:
            return self._told
        at = Timestamp(self._monotonic(), now)
        if self._known is not None and self._known[0].age(at) < _KEPT_SECONDS:
            return self._known[1]
        found = await discover(self._client, self.issuer, self._base)
        if isinstance(found, IssuerMetadata):
            self._known = (at, found)
        return found

    def forget(self) -> None:
        """Discover again at the next use, because an endpoint was not found."""
        self._known = None
