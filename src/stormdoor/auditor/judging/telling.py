"""Questions that keep nobody from anything: they decide what stands in an answer that everybody gets."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.reading.module import Module

__all__ = ["only_fills_in"]


def only_fills_in(event: Event) -> bool:
    """Whether a condition only picks what is filled in: `if admin: answer["log"] = log`."""
    return id(event.node) in _conditions(event.module)


@lru_cache(maxsize=512)
def _conditions(module: Module) -> frozenset[int]:
    return frozenset(
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and _fills_in(node.body) and _fills_in(node.orelse)
        for inner in ast.walk(node.test)
    )


def _fills_in(body: list[ast.stmt]) -> bool:
    """Whether statements only put something under a key of what is told; what a flag says is asked later."""
    return all(
        isinstance(one, ast.Assign)
        and all(isinstance(target, ast.Subscript) for target in one.targets)
        and not (isinstance(one.value, ast.Constant) and isinstance(one.value.value, bool))
        for one in body
    )
