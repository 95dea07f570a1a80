"""Jumps from a statement out of the enclosing ones."""

from stormdoor_audit.auditor.interpreter.values import Value

__all__ = ["Break", "Continue", "Returned"]


class Returned(Exception):
    """`return`."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Break(Exception):
    """`break`."""


class Continue(Exception):
    """`continue`."""
