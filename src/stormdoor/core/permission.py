"""Permissions: `noun:verb` names, and the patterns that grant them.

A permission names an action on a kind of object (`chat:say`). A pattern may end in `*` after a colon
(`chat:*`) or be `*` alone. There are no other wildcards: `chat*` cannot grant `chatadmin:wipe` by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stormdoor.errors import PolicyError

__all__ = ["check_pattern", "check_permission", "expand", "granted"]

_PERMISSION = re.compile(r"[a-z0-9][a-z0-9_.-]*(?::[a-z0-9][a-z0-9_.-]*)*", re.ASCII)
_PATTERN = re.compile(r"\*|[a-z0-9][a-z0-9_.-]*(?::[a-z0-9][a-z0-9_.-]*)*(?::\*)?", re.ASCII)
_MAX_LENGTH = 128


def check_permission(permission: str) -> str:
    """Return `permission` after validating it.

    Raises:
        PolicyError: It is not of the form `noun:verb` in lower case.
    """
    if len(permission) > _MAX_LENGTH or not _PERMISSION.fullmatch(permission):
        raise PolicyError(f'{permission!r} is not a permission; write it like "chat:say"')
    return permission


def check_pattern(pattern: str) -> str:
    """Return `pattern` if it is a permission or ends in `:*` or is `*`.

    Raises:
        PolicyError: It is neither.
    """
    if len(pattern) > _MAX_LENGTH or not _PATTERN.fullmatch(pattern):
        raise PolicyError(
            f'{pattern!r} is not a permission pattern; write "chat:say", "chat:*" or "*"'
        )
    return pattern


def expand(permission: str) -> tuple[str, ...]:
    """Return every pattern that grants `permission`, the most exact first.

    >>> expand("chat:say")
    ('chat:say', 'chat:*', '*')
    """
    parts = permission.split(":")
    wider = [":".join([*parts[:n], "*"]) for n in range(len(parts) - 1, 0, -1)]
    return (permission, *wider, "*")


def granted(permission: str, patterns: Iterable[str]) -> bool:
    """Return whether one of `patterns` grants `permission`. A text is one pattern."""
    if isinstance(patterns, str):
        # As a sequence of letters, the text "chat:*" would contain "*", which grants everything.
        patterns = (patterns,)
    return not frozenset(patterns).isdisjoint(expand(permission))
