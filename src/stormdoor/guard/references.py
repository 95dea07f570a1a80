"""References of refusals: ten random characters that a user can quote, and an operator can search for."""

from __future__ import annotations

import os
import secrets
from copy import copy

from msgspec.structs import force_setattr

from stormdoor.core.denial import Refusal

__all__ = ["REFERENCE_LENGTH", "is_reference", "new_reference", "referenced"]

REFERENCE_LENGTH = 10
"""Characters of a reference."""
_ALPHABET = (
    b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none looks like another when read aloud
)
_TO_ALPHABET = bytes(_ALPHABET[byte % 32] for byte in range(256))
_CHARACTERS = frozenset(_ALPHABET.decode())
_AT_ONCE = 400
"""References for which one call of the system reads the randomness: a flood of refusals needs many."""

_ready: list[str] = []


def new_reference() -> str:
    """Return a new reference: 50 random bits as ten characters of Crockford's alphabet.

    It is derived from nothing, so it tells a client nothing about the cause.
    """
    if not _ready:
        text = secrets.token_bytes(REFERENCE_LENGTH * _AT_ONCE).translate(_TO_ALPHABET).decode()
        _ready.extend(
            text[at : at + REFERENCE_LENGTH] for at in range(0, len(text), REFERENCE_LENGTH)
        )
    return _ready.pop()


def is_reference(text: str) -> bool:
    """Return whether a text has the form of a reference."""
    return len(text) == REFERENCE_LENGTH and all(one in _CHARACTERS for one in text)


# INVARIANT: no two processes give the same reference.
os.register_at_fork(after_in_child=_ready.clear)


def referenced(refusal: Refusal) -> Refusal:
    """Return the refusal with a reference of its own; itself, if it has one.

    The constants among the refusals, and those of steps, have none: each use of one gets a new reference.
    """
    if refusal.ref:
        return refusal
    # Not `replace`, which checks the text again: a flood of refusals costs no more than it must.
    same = copy(refusal)
    force_setattr(same, "ref", _ready.pop() if _ready else new_reference())  # type: ignore[arg-type]
    return same
