"""The passwords that a client shows: servers count wrong ones, and lock the account of a real user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stormdoor_audit.prober.identity import PACKET, Identity
from stormdoor_audit.prober.peer_json import read_json

__all__ = ["Guesses", "WrongPassword", "differs", "is_password", "passwords_of"]

_NAME = re.compile(r"pass(?!port|ive|enger|age|ing)|pwd|\bpin\b|\bpw\b", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"\b\w*(pass(?!port|ive|enger|age|ing)\w*|pwd|pin|pw)\b\W|^(login|logon|user)\s\S+\s\S",
    re.IGNORECASE,
)
_SCHEMES = ("basic", "digest")
_FIRST_MESSAGE = "the first message"


class WrongPassword(Exception):
    """The attempt sends a second wrong password, which only `--active` allows."""


@dataclass(slots=True)
class Guesses:
    """Wrong passwords that a run may still send, at all of its endpoints together: accounts are shared.

    Args:
        left: Their number.
    """

    left: int = 1


def is_password(name: str) -> bool:
    """Return True if a field, parameter or header of this name holds a password."""
    return bool(_NAME.search(name))


def passwords_of(who: Identity) -> frozenset[tuple[str, str]]:
    """Return the passwords of an identity, each with the name of its place.

    These are HTTP Basic, and headers, parameters and fields of the first message that are named like a
    password. Cookies, tokens and keys are none.
    """
    found = {
        (name.lower(), value)
        for name, value in (*who.headers, *who.query)
        if is_password(name)
        or (name.lower() == "authorization" and value.lower().startswith(_SCHEMES))
    }
    if _holds_password(who.first_message):
        found.add((_FIRST_MESSAGE, who.first_message))
    return frozenset(found)


def differs(who: Identity, right: frozenset[tuple[str, str]]) -> bool:
    """Return True if an identity shows another password than the right ones.

    Where a right first message holds a password, every other first message counts as a wrong one.
    """
    speaks = any(place == _FIRST_MESSAGE for place, _ in right) and bool(who.first_message)
    shown = passwords_of(who) | ({(_FIRST_MESSAGE, who.first_message)} if speaks else set())
    return not shown <= right


def _holds_password(message: str) -> bool:
    begins = PACKET.match(message)
    parsed = read_json(message[begins.end() if begins else 0 :])
    if isinstance(parsed, dict | list):
        return _is_in(parsed)
    return bool(_IN_TEXT.search(message))


def _is_in(value: Any, name: str = "") -> bool:
    if isinstance(value, dict):
        return any(_is_in(one, str(key)) for key, one in value.items())
    if isinstance(value, list):
        return any(_is_in(one, name) for one in value)
    return is_password(name)
