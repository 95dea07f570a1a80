"""Recovery codes for users who have lost their second factor. Each code is accepted once."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["CODES", "code_hash", "looks_like_recovery_code", "new_code"]

CODES = 10
"""Number of codes in a set."""

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 letters and digits that look different
_LENGTH = 24  # 120 bits: enough for a plain hash, says ASVS 6.5.2 (112 and more)
_GROUP = 4


def new_code() -> str:
    """Create a code, in groups that can be read and typed: `abcd-efgh-...`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def _letters(text: str) -> str:
    return "".join(text.lower().replace("-", "").split())


def looks_like_recovery_code(text: str) -> bool:
    """Return whether it has the form of one, in any spelling."""
    letters = _letters(text)
    return len(letters) == _LENGTH and all(letter in _ALPHABET for letter in letters)


def code_hash(code: str) -> str:
    """Return the stored form of a code: SHA-256 (hex) of its letters."""
    return hashlib.sha256(b"stormdoor recovery code " + _letters(code).encode()).hexdigest()
