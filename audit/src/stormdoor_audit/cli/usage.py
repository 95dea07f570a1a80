"""An error in the call of a command."""

from __future__ import annotations

__all__ = ["UsageError"]


class UsageError(Exception):
    """The message contains the correct form. The command ends with 2."""
