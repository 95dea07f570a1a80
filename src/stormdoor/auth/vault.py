"""Secrets that must be read again, sealed with a key that is not in the store (ASVS 11.3.2, 13.3.1).

AES-256-GCM with a random nonce. What a secret belongs to is authenticated along with it, so that
whoever can write to the store cannot give somebody the secret of somebody else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stormdoor.errors import ConfigurationError

__all__ = ["Opened", "Vault"]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Opened:
    """What was sealed. It is not in the repr.

    Attributes:
        secret: The secret.
        stale: Whether another key than the first one sealed it: seal it anew.
    """

    secret: bytes = field(repr=False)
    stale: bool


class Vault:
    """Seals and opens secrets.

    Args:
        keys: The first one seals, all of them open: to change the key, put the new one in front, and
            drop the old one when everybody has used their factor once.

    Raises:
        ConfigurationError: There is no key, one is shorter than 32 bytes, or comes twice.
    """

    __slots__ = ("_ciphers", "_first")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ConfigurationError(
                "a vault needs a key; leave it out, or give it 32 random bytes"
            )
        for key in keys:
            if len(key) < _KEY_BYTES:
                raise ConfigurationError(
                    f"a secrets_key has fewer than {_KEY_BYTES} bytes; make one with "
                    'python -c "import secrets; print(secrets.token_hex(32))"'
                )
        self._first = keys[0]
        self._ciphers = {_name(key): AESGCM(_derived(key)) for key in keys}
        if len(self._ciphers) != len(keys):
            raise ConfigurationError("a secrets_key is there twice")

    def __repr__(self) -> str:
        return f"Vault({len(self._ciphers)} keys)"

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for something else, from the first key."""
        return _derived(self._first, b" for " + purpose.encode())

    def seal(self, secret: bytes, *, belongs_to: str) -> str:
        """The secret, sealed with the first key, as text.

        Args:
            secret: Any bytes.
            belongs_to: What it is opened for; nothing else opens it.
        """
        name, cipher = next(iter(self._ciphers.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, secret, belongs_to.encode())
        return f"{_VERSION}.{name}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, belongs_to: str) -> Opened | None:
        """The secret; None if no key of ours sealed it, for this, or it was changed."""
        version, _, rest = sealed.partition(".")
        name, _, text = rest.partition(".")
        cipher = self._ciphers.get(name)
        if version != _VERSION or cipher is None:
            return None
        try:
            data = base64.urlsafe_b64decode(text)
            nonce, box = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            secret = cipher.decrypt(nonce, box, belongs_to.encode())
        except (InvalidTag, ValueError, binascii.Error):
            return None
        return Opened(secret, stale=name != next(iter(self._ciphers)))


def _derived(key: bytes, purpose: bytes = b"") -> bytes:
    # A key may be text of any length, and its other uses, if somebody has any, must not meet this.
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"stormdoor secrets v1" + purpose).derive(key)


def _name(key: bytes) -> str:
    return hashlib.sha256(b"stormdoor secrets v1 name" + key).hexdigest()[:8]
