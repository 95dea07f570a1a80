"""Endings of a way, or of a part of it."""

import ast

from stormdoor_audit.auditor.interpreter.values import Value
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Exhausted", "PathEnd", "Pruned", "Thrown", "TooFar"]


class Pruned(Exception):
    """The rest of this way was explored before."""


class Exhausted(Exception):
    """The way is too long."""


class TooFar(Exception):
    """Raised when a side look-up takes more work than it is worth."""


class PathEnd(Exception):
    """The connection is over, or the handshake is answered."""


class Thrown(Exception):
    """The program raises.

    Args:
        name: Class of the exception; `?` for any that a failed verification raises.
        node: Where.
        module: In which file.
        status: HTTP status, of an HTTPError.
        check: Whether a failed check of the client's identity raised it.
        presumed: Whether only a name says so.
    """

    def __init__(
        self,
        name: str,
        node: ast.AST | None,
        module: Module | None,
        *,
        status: int | None = None,
        check: bool = False,
        presumed: bool = False,
        value: Value | None = None,
    ) -> None:
        super().__init__(name)
        self.name = name
        self.node = node
        self.module = module
        self.status = status
        self.check = check
        self.presumed = presumed
        self.value = value
