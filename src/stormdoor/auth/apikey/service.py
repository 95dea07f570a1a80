"""Issue, rotate, list and revoke API keys, restricted by scope, network and date."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from stormdoor.core.address import parse_networks
from stormdoor.core.apikey import ApiKey, compose
from stormdoor.core.credential import fingerprint
from stormdoor.core.permission import check_pattern
from stormdoor.core.revocation import Revocation, Target
from stormdoor.errors import ConfigurationError, StoreError
from stormdoor.ports import Clock, StoredState

__all__ = ["IssuedKey", "KeyService"]

_NAME_LENGTH = 128


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. The secret is not in its repr.

    Attributes:
        key: As it is stored.
        secret: The whole key, shown once and stored nowhere.
    """

    key: ApiKey
    secret: str = field(repr=False)


class KeyService:
    """Issues, rotates, lists and revokes API keys.

    Args:
        state: State of the keys.
        clock: Source of the time.
    """

    def __init__(self, state: StoredState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def issue(
        self,
        principal_id: str,
        *,
        name: str,
        scopes: Iterable[str],
        networks: Iterable[str] = (),
        seconds: float | None = None,
    ) -> IssuedKey:
        """Issue a new key.

        Args:
            principal_id: Principal that owns the key.
            name: Purpose of the key.
            scopes: Permission patterns that it is restricted to; `*` for all permissions of the principal.
            networks: Networks that it may be used from; none for every network.
            seconds: Lifetime, or None without an end.

        Raises:
            ConfigurationError: A scope or network cannot be read, there is no scope, or the name is
            empty
                or too long.
            StoreError: There is no such principal.
        """
        allowed = frozenset(map(check_pattern, scopes))
        if not allowed:
            raise ConfigurationError('a key without scopes may do nothing; write scopes=["chat:*"]')
        if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable():
            raise ConfigurationError(
                f"the name of a key has 1 to {_NAME_LENGTH} printable characters"
            )
        if seconds is not None and not seconds > 0:
            raise ConfigurationError(f"seconds must be greater than 0, not {seconds}")
        within = tuple(networks)
        parse_networks(within)
        if await self._state.accounts.account(principal_id) is None:
            raise StoreError(f"there is no principal {principal_id!r}")
        key, secret = self._new(principal_id, name, allowed, within, seconds)
        return IssuedKey(await self._state.keys.add_key(key), secret)

    async def rotate(self, id: str, *, overlap_seconds: float = 86_400.0) -> IssuedKey:
        """Issue a key of the same name, scopes, networks and lifetime; the old one expires.

        Args:
            id: Id of the key to replace.
            overlap_seconds: Seconds for which both are valid; 0 to revoke the old one at once.

        Raises:
            ConfigurationError: `overlap_seconds` is negative.
            StoreError: There is no such key, it has expired, or it has a successor.
        """
        if not overlap_seconds >= 0:
            raise ConfigurationError(f"overlap_seconds must be 0 or more, not {overlap_seconds}")
        now = self._clock.now()
        found = await self._state.keys.key(id)
        if found is None:
            raise StoreError(f"there is no key {id!r}")
        old = found[0]
        if old.successor is not None:
            raise StoreError(f"key {id!r} has been rotated; its successor is {old.successor!r}")
        if old.expires_at is not None and now >= old.expires_at:
            raise StoreError(f"key {id!r} has expired; issue a new one")
        seconds = None if old.expires_at is None else old.expires_at - old.created_at
        key, secret = self._new(old.principal_id, old.name, old.scopes, old.networks, seconds)
        if overlap_seconds > 0:
            # Connections of the old key get a deadline: other processes must read it again.
            entry = Revocation(Target.CHANGED, old.principal_id, now)
            expires_at = now + overlap_seconds
        else:
            entry = Revocation(Target.CREDENTIAL, id, now, reason="rotated")
            expires_at = None
        stored = await self._state.keys.replace_key(id, key, expires_at=expires_at, entry=entry)
        if stored is None:
            raise StoreError(f"key {id!r} was rotated or revoked meanwhile")
        return IssuedKey(stored, secret)

    async def revoke(self, id: str, *, reason: str = "revoked") -> bool:
        """Revoke a key, and end its connections. Returns whether the key existed."""
        entry = Revocation(Target.CREDENTIAL, id, self._clock.now(), reason=reason)
        return bool(await self._state.keys.remove_key(id, entry=entry))

    async def keys(self, principal_id: str | None = None) -> list[ApiKey]:
        """Return all keys, or all of one principal, newest first, without their secrets."""
        return await self._state.keys.keys(principal_id)

    def _new(
        self,
        principal_id: str,
        name: str,
        scopes: frozenset[str],
        networks: tuple[str, ...],
        seconds: float | None,
    ) -> tuple[ApiKey, str]:
        now = self._clock.now()
        id, secret = compose(secrets.randbits(64), secrets.randbits(256))
        key = ApiKey(
            id=id,
            hash=fingerprint(secret),
            principal_id=principal_id,
            name=name,
            scopes=scopes,
            networks=networks,
            created_at=now,
            expires_at=None if seconds is None else now + seconds,
        )
        return key, secret
