"""Nonces that a server can verify without storing them (RFC 9449 §8, §9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from stormdoor.errors import ConfigurationError

__all__ = ["ServerNonce"]

_SECRET_BYTES = 32
_TAG_BYTES = 16
_STEP = 1.0


class ServerNonce:
    """Issues and verifies nonces: a time, and a tag of it that only holders of the secret can compute.

    Args:
        secrets: Secrets of at least 32 random bytes, the same on every node. The first one makes nonces;
            nonces of the others are still accepted, so that the secret can be changed.
        seconds: Seconds for which a nonce is valid.

    Raises:
        ConfigurationError: A secret is short, or `seconds` is not greater than 0.
    """

    def __init__(self, secrets: Sequence[bytes], seconds: float) -> None:
        if not secrets or any(len(one) < _SECRET_BYTES for one in secrets):
            raise ConfigurationError(
                f"the secret of nonces has fewer than {_SECRET_BYTES} bytes; make one with "
                'python -c "import secrets; print(secrets.token_hex(32))"'
            )
        if not seconds > 0:
            raise ConfigurationError("a nonce counts for seconds greater than 0")
        self._secrets = tuple(secrets)
        self._seconds = seconds

    def issue(self, now: float) -> str:
        """Return the nonce of `now` (Unix seconds)."""
        return self._made(int(now).to_bytes(8, "big"), self._secrets[0])

    def fresh(self, nonce: str, now: float) -> bool:
        """Return whether this server issued the nonce, and it has not expired."""
        try:
            data = base64.urlsafe_b64decode(nonce.encode("ascii"))
        except (ValueError, UnicodeError):
            return False
        at = data[:8]
        given = nonce.encode("ascii")
        fits = [hmac.compare_digest(given, self._made(at, one).encode()) for one in self._secrets]
        return any(fits) and -_STEP <= now - int.from_bytes(at, "big") < self._seconds

    @staticmethod
    def _made(at: bytes, secret: bytes) -> str:
        tag = hmac.new(secret, b"stormdoor nonce " + at, hashlib.sha256).digest()[:_TAG_BYTES]
        return base64.urlsafe_b64encode(at + tag).decode("ascii")
