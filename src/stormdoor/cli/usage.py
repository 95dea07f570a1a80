"""A command was called in a way that cannot mean anything."""

from __future__ import annotations

__all__ = ["UsageError"]


class UsageError(Exception):
    """The message says what to write instead. The command ends with 2."""
