"""Encryption of secrets in the store with a key that is not in the store (ASVS 11.3.2, 13.3.1).

AES-256-GCM with a random nonce. The ciphertext is bound to the owner of the secret, so that an attacker who
can write to the store cannot assign it to another principal.
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

__all__ = ["SecretBox", "Unsealed"]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An unsealed secret. It is not in the repr.

    Attributes:
        secret: The secret.
        stale: Whether an older key sealed it, so that it must be sealed again.
    """

    secret: bytes = field(repr=False)
    stale: bool


class SecretBox:
    """Seals and unseals secrets.

    Args:
        keys: The first one seals, all of them unseal. To change the key, put the new one in front, and
            remove the old one when all users have used their factor once.

    Raises:
        ConfigurationError: There is no key, one is shorter than 32 bytes, or occurs twice.
    """

    __slots__ = ("_ciphers", "_first")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ConfigurationError(
                "a secret box needs a key; leave it out, or give it 32 random bytes"
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
        return f"SecretBox({len(self._ciphers)} keys)"

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for another purpose, derived from the first key."""
        return _derived(self._first, b" for " + purpose.encode())

    def seal(self, secret: bytes, *, belongs_to: str) -> str:
        """Return the secret, sealed with the first key, as text.

        Args:
            secret: Any bytes.
            belongs_to: Context of the secret; it unseals only in the same context.
        """
        name, cipher = next(iter(self._ciphers.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + cipher.encrypt(nonce, secret, belongs_to.encode())
        return f"{_VERSION}.{name}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, belongs_to: str) -> Unsealed | None:
        """Return the secret; None if no known key sealed it in this context, or it was changed."""
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
        return Unsealed(secret, stale=name != next(iter(self._ciphers)))


def _derived(key: bytes, purpose: bytes = b"") -> bytes:
    # A key may be text of any length; other uses of the same text must give another key.
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"stormdoor secrets v1" + purpose).derive(key)


def _name(key: bytes) -> str:
    return hashlib.sha256(b"stormdoor secrets v1 name" + key).hexdigest()[:8]
