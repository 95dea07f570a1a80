"""Functions that a program has called again and again, or later: what they look at is looked at by a loop."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.nodes import last_name

__all__ = ["called_again"]

_CALLS = words("PeriodicCallback Timer add_job add_timeout call_later periodic_callback")


@lru_cache(maxsize=512)
def called_again(tree: ast.AST) -> frozenset[str]:
    """The names of what is handed to a clock: `PeriodicCallback(turn, 100)`."""
    return frozenset(
        last_name(given)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and last_name(node.func) in _CALLS
        for given in node.args
        if isinstance(given, ast.Name | ast.Attribute)
    )
