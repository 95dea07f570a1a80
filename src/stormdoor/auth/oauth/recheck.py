"""Checks of the token of an open connection (see `stormdoor.core.principal.Recheck`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.account_lookup import AccountLookup
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.oauth.introspection import Introspector
from stormdoor.auth.oauth.remote_keys import RemoteKeys
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.principal import Authentication
from stormdoor.ports import StoredState

__all__ = ["AskAgain", "KeyStillThere"]


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Introspects the token again. The token is not in its repr.

    Attributes:
        introspector: Sends the requests.
        lookup: Combines the token with its data in the store.
        state: The state of the installation.
        token: The token.
        proofs: Keys that the client proved to possess when the connection was opened.
    """

    introspector: Introspector = field(repr=False)
    lookup: AccountLookup = field(repr=False)
    state: StoredState = field(repr=False)
    token: str = field(repr=False)
    proofs: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        """See `Recheck`."""
        return self.introspector.settings.recheck_seconds

    @property
    def grace_seconds(self) -> float:
        """See `Recheck`."""
        return self.introspector.settings.grace_seconds

    @property
    def source(self) -> None:
        """Return None: no event makes an earlier check necessary."""
        return None

    @property
    def accepted_generation(self) -> int:
        """See `Recheck`."""
        return 0

    async def ask(self, now: float) -> Authentication | Refusal:
        """Introspect (see `Recheck`). A thousand sockets with one token share a few calls."""
        verified = await self.introspector.introspect(self.token, now, within=self.seconds / 4)
        if isinstance(verified, Rejected):
            return _refusal(verified)
        outcome = await self.lookup.bind(verified, state=self.state, now=now)
        if isinstance(outcome, Rejected):
            return _refusal(outcome)
        return replace(outcome, proofs=self.proofs, recheck=self)


@dataclass(frozen=True, slots=True)
class KeyStillThere:
    """Checks that the provider still has the key with which a token was verified.

    Attributes:
        keys: The present keys.
        key: The key that verified the token.
        authentication: Authentication of the token.
        accepted_generation: The generation of the keys before the token was verified.
        proofs: Keys that the client proved to possess when the connection was opened.
    """

    keys: RemoteKeys = field(repr=False)
    key: JwtKey
    authentication: Authentication
    accepted_generation: int
    proofs: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        """See `Recheck`."""
        return self.keys.refresh_seconds

    @property
    def grace_seconds(self) -> float:
        """Return infinity: a provider that does not answer has not dropped the key."""
        return float("inf")

    @property
    def source(self) -> RemoteKeys:
        """See `Recheck`."""
        return self.keys

    async def ask(self, now: float) -> Authentication | Refusal:
        """See `Recheck`."""
        await self.keys.refresh(now)
        if self.keys.dropped(self.key):
            return Refusal(Denial.REVOKED, "the provider has dropped the key of the token")
        return replace(self.authentication, proofs=self.proofs, recheck=self)


def _refusal(rejected: Rejected) -> Refusal:
    return Refusal(rejected.denial, rejected.detail, retry_after=rejected.retry_after)
