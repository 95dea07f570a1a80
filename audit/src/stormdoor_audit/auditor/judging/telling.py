"""Conditions that only decide which fields an answer has: every client gets the answer."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["only_fills_in"]


def only_fills_in(event: Event) -> bool:
    """Return True if a condition only picks a part of the answer: `if admin: answer["log"] = log`."""
    return id(event.node) in _conditions(event.module)


@lru_cache(maxsize=512)
def _conditions(module: Module) -> frozenset[int]:
    answers = frozenset(
        target.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign) and _is_new_table(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return frozenset(
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If)
        and _fills_in(node.body, answers)
        and _fills_in(node.orelse, answers)
        for inner in ast.walk(node.test)
    )


def _is_new_table(value: ast.expr) -> bool:
    return isinstance(value, ast.Dict) or (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict"
    )


def _fills_in(body: list[ast.stmt], answers: frozenset[str]) -> bool:
    """Return True if statements only add to the answer, and to no value from before.

    What a flag says is asked later.
    """
    return all(
        isinstance(one, ast.Assign)
        and all(
            isinstance(target, ast.Subscript)
            and isinstance(target.value, ast.Name)
            and target.value.id in answers
            for target in one.targets
        )
        and not (isinstance(one.value, ast.Constant) and isinstance(one.value.value, bool))
        for one in body
    )
