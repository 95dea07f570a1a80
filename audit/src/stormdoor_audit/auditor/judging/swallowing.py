"""Exceptions of a check that are caught before they prevent an effect."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.statements.refusals import leaves_block
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["is_swallowed"]


def is_swallowed(question: Event, doing: Event) -> bool:
    """`try: demand(user)`, `except Exception: log()`, and then it is done all the same."""
    places = {id(doing.node), *(id(site) for _, site, _ in doing.stack)}
    return any(
        id(question.node) in inside and not places & inside
        for inside in _forgiving(question.module)
    )


@lru_cache(maxsize=512)
def _forgiving(module: Module) -> tuple[frozenset[int], ...]:
    """Return the nodes in blocks with caught exceptions after which the program goes on."""
    found: list[frozenset[int]] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Try(body=body, handlers=handlers) if handlers and not any(
                leaves_block(one.body) for one in handlers
            ):
                found.append(_inside(body))
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body) if any(
                _suppresses(one.context_expr) for one in items
            ):
                found.append(_inside(body))
            case _:
                pass
    return tuple(found)


def _inside(body: list[ast.stmt]) -> frozenset[int]:
    return frozenset(id(inner) for statement in body for inner in ast.walk(statement))


def _suppresses(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
