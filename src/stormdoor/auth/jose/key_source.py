"""Sources of the keys that verify tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.jose.jws import Jws
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.core.denial import Denial
from stormdoor.errors import ConfigurationError

__all__ = ["FixedKeys", "KeySource", "quoted"]

_SHOWN = 40


def quoted(text: str) -> str:
    """Return a text from an unverified header in a form that is safe for an operator."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class KeySource(Protocol):
    """Interface: the present keys of one issuer."""

    async def find(self, jws: Jws, now: float) -> JwtKey | Rejected:
        """Return the key that a token's header selects; or the refusal.

        Args:
            jws: The token, unverified. Its `kid` is only looked up in a dictionary.
            now: Unix seconds.

        Returns:
            The key, `BAD_CREDENTIAL`, or `UNAVAILABLE` if the keys are not known at present.
        """
        ...

    def holds(self, key: JwtKey, now: float) -> bool:
        """Return whether `key` of this source is still valid. It must be fast: every use calls it."""
        ...


class FixedKeys:
    """Fixed keys from the configuration.

    Args:
        keys: The keys. At most one of them may have no `kid`.

    Raises:
        ConfigurationError: There are none, or two have the same name or none.
    """

    __slots__ = ("_named", "_unnamed")

    def __init__(self, keys: Sequence[JwtKey]) -> None:
        if not keys:
            raise ConfigurationError(
                'a token needs a key; write keys=[JwtKey("EdDSA", public_pem)]'
            )
        self._named: dict[str, JwtKey] = {}
        self._unnamed: JwtKey | None = None
        for key in keys:
            if key.kid is None:
                if self._unnamed is not None:
                    raise ConfigurationError(
                        "two keys have no kid; name them, as in JwtKey(…, kid='2026-1')"
                    )
                self._unnamed = key
            elif key.kid in self._named:
                raise ConfigurationError(f"two keys have the kid {key.kid!r}")
            else:
                self._named[key.kid] = key

    async def find(self, jws: Jws, now: float) -> JwtKey | Rejected:
        """Return the key (see `KeySource`)."""
        if jws.kid is not None and self._named:
            return self._named.get(jws.kid) or Rejected(
                Denial.BAD_CREDENTIAL, f"no key has the kid {quoted(jws.kid)}"
            )
        if self._unnamed is not None:
            return self._unnamed
        if len(self._named) == 1:
            return next(iter(self._named.values()))
        return Rejected(
            Denial.BAD_CREDENTIAL, "the token names no key (kid), and there are several"
        )

    def holds(self, key: JwtKey, now: float) -> bool:
        """Return True: a fixed key stays valid."""
        return True
