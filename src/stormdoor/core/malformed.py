"""Result of a parser that refuses its input."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Malformed"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Input that a parser refuses, at any time.

    Attributes:
        reason: For the operator; contains nothing of the input.
    """

    reason: str
