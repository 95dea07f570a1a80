"""Questions that keep nobody from anything: they decide what stands in an answer that everybody gets."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.reading.module import Module

__all__ = ["only_fills_in", "only_notes", "only_skips_itself"]

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


def only_skips_itself(event: Event) -> bool:
    """Whether it only leaves the client out: `if one.name != self.name: one.write_message(text)`."""
    return id(event.node) in _skipping(event.module)


@lru_cache(maxsize=512)
def _skipping(module: Module) -> frozenset[int]:
    return frozenset(
        id(inner)
        for loop in ast.walk(module.tree)
        if isinstance(loop, ast.For | ast.AsyncFor) and isinstance(loop.target, ast.Name)
        for node in ast.walk(loop)
        if isinstance(node, ast.If)
        and not node.orelse
        and _is_another(node.test, loop.target.id)
        and _does_to(node.body[-1], loop.target.id)
        and not any(isinstance(one, ast.Assign) and _is_flag(one) for one in node.body)
        for inner in ast.walk(node.test)
    )


def _is_another(test: ast.expr, name: str) -> bool:
    """`one.name != self.name`, `one is not self`: the same of both."""
    match test:
        case ast.Compare(left=left, ops=[ast.NotEq() | ast.IsNot()], comparators=[right]):
            sides = {ast.unparse(left), ast.unparse(right)}
        case _:
            return False
    other = next((one for one in sides if one.partition(".")[0] == name), "")
    return bool(other) and f"self{other[len(name) :]}" in sides


def _does_to(statement: ast.stmt, name: str) -> bool:
    """`one.write_message(text)`, awaited perhaps."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Await | ast.Yield):
        value = value.value
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=held))):
            return held == name
        case _:
            return False


def _is_flag(statement: ast.Assign) -> bool:
    return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, bool)
