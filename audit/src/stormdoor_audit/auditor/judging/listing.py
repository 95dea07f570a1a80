"""Connections listed under their user: messages for a user go to these, and to no others."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["lists_by_name"]

_LISTS = frozenset({"add", "append", "insert", "setdefault"})
_LOGS = words("critical debug error exception format info log logger logging print warn warning")


def lists_by_name(event: Event) -> bool:
    """Return True if a condition lists known users under their names, and lists no other client.

    `if self.user_id: users[self.user_id].add(self)`: an outsider is let in, and hears nothing of it.
    """
    return id(event.node) in _listing(event.module)


@lru_cache(maxsize=512)
def _listing(module: Module) -> frozenset[int]:
    return frozenset(
        id(part)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and _lists_one_side(node)
        for part in ast.walk(node.test)
    )


def _lists_one_side(node: ast.If) -> bool:
    known, others = (
        (node.orelse, node.body) if _asks_for_nobody(node.test) else (node.body, node.orelse)
    )
    asked = {
        ast.unparse(one)
        for one in ast.walk(node.test)
        if isinstance(one, ast.Name | ast.Attribute) and not _is_self(one)
    }
    return any(
        _lists(one, asked) for statement in known for one in ast.walk(statement)
    ) and not any(_is_self(one) for statement in others for one in _handed(statement))


def _asks_for_nobody(test: ast.expr) -> bool:
    match test:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return True
        case _:
            return False


def _lists(node: ast.AST, asked: set[str]) -> bool:
    """Return True if the connection is stored under the value that the condition tests."""
    match node:
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
            return _is_self(value) and _speaks_of(key, asked)
        case ast.Call(func=ast.Attribute(value=holder, attr=name), args=[one]) if _is_self(one):
            return name in _LISTS and any(
                (isinstance(inner, ast.Subscript) and _speaks_of(inner.slice, asked))
                or (
                    isinstance(inner, ast.Call)
                    and any(_speaks_of(arg, asked) for arg in inner.args)
                )
                for inner in ast.walk(holder)
            )
        case ast.Call(func=func, args=args) if any(map(_is_self, args)):
            named = set(ast.unparse(func).split("."))
            return not named & _LOGS and any(
                _speaks_of(one, asked) for one in args if not _is_self(one)
            )
        case _:
            return False


def _handed(statement: ast.stmt) -> list[ast.expr]:
    """Return the values that a statement passes on, or stores."""
    return [
        given
        for one in ast.walk(statement)
        if isinstance(one, ast.Call | ast.Assign)
        for given in (one.args if isinstance(one, ast.Call) else [one.value])
    ]


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _speaks_of(node: ast.AST, asked: set[str]) -> bool:
    return any(
        isinstance(one, ast.Name | ast.Attribute) and ast.unparse(one) in asked
        for one in ast.walk(node)
    )
