"""One call under way."""

import ast
from dataclasses import dataclass, field

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.values import Environment, Value
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Frame"]


@dataclass(slots=True, eq=False)
class Frame:
    """One call under way."""

    module: Module
    env: Environment
    name: str
    owner: ClassInfo | None = None
    receiver: Value | None = None
    node: ast.AST | None = None
    scopes: tuple[ast.AST, ...] = ()
    globals: set[str] = field(default_factory=set)
    sent: Value | None = None
    """Value sent into a running generator: `hello = yield`."""
    meant: int = 0
    """Number of enclosing branches that are for the user named by the client."""
