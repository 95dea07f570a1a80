"""Functions with a `key` that names a place, and is no secret."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["names_a_place"]

_OF_STORES = words(
    """
    add contains del delete exists expire fetch get has incr load pop publish push put read
    remove save set store subscribe unset unsubscribe update write
    """
)
"""First words of what a store does: `get(key)`, `set_json(key, value)`."""
_MAKES = frozenset({"build", "construct", "format", "make"})


@lru_cache(maxsize=65536)
def names_a_place(node: ast.AST) -> bool:
    """Return True if a function stores or finds a value under a `key`, or builds one of parts."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    words = lexicon.words_of(node.name)
    if words[-1:] == ["key"] and (words[0] in _MAKES or len(words) == 1):
        return True
    if not words or words[0] not in _OF_STORES:
        return False
    # It hands the key on, to a store of that kind, and says nothing about it.
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and set(lexicon.words_of(one.func.attr)[:1]) & _OF_STORES
        and any(isinstance(inner, ast.Name) and inner.id == "key" for inner in one.args[:1])
        for one in ast.walk(node)
    ) and not any(isinstance(one, ast.Raise | ast.Compare) for one in ast.walk(node))
