"""Functions that a program has called again and again, or later: what they look at is looked at by a loop."""

import ast
from functools import lru_cache

from stormdoor.auditor.naming.words import words

__all__ = ["called_again"]

_CALLS = words("PeriodicCallback Timer add_job add_timeout call_later periodic_callback")


@lru_cache(maxsize=512)
def called_again(tree: ast.AST) -> frozenset[str]:
    """The names of what is handed to a clock: `PeriodicCallback(turn, 100)`."""
    return frozenset(
        given.id if isinstance(given, ast.Name) else given.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name_of(node.func) in _CALLS
        for given in node.args
        if isinstance(given, ast.Name | ast.Attribute)
    )


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
