"""Questions that keep nobody from anything: they decide what stands in an answer that everybody gets."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.reading.module import Module

__all__ = ["only_fills_in", "only_notes"]

_NOTES = frozenset({"add", "append", "insert", "setdefault"})


def only_fills_in(event: Event) -> bool:
    """Whether a condition only picks what is filled in: `if admin: answer["log"] = log`."""
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
    """Whether statements only put something into what is told, and into nothing that was there before.

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


def only_notes(event: Event) -> bool:
    """Whether it is asked only to have it noted: `if user not in here: here.append(user)`."""
    return id(event.node) in _noting(event.module)


@lru_cache(maxsize=512)
def _noting(module: Module) -> frozenset[int]:
    return frozenset(
        id(node.test)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If)
        and not node.orelse
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.ops[0], ast.NotIn)
        and all(_notes(one, node.test.comparators[0]) for one in node.body)
    )


def _notes(statement: ast.stmt, table: ast.expr) -> bool:
    """Whether a statement puts something into the table that was asked."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=holder, attr=name))):
            return name in _NOTES and ast.dump(holder) == ast.dump(table)
        case ast.Assign(targets=[ast.Subscript(value=holder)]):
            return ast.unparse(holder) == ast.unparse(table)
        case _:
            return False
