"""Result of a parser that refuses its input."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Malformed"]


@dataclass(frozen=True, slots=True)
class Malformed:
    """A parser's result for input that it refuses.

    Attributes:
        reason: For the operator; contains nothing of the input.
    """

    reason: str
