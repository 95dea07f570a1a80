"""Functions that make one object, when it is first asked for, and give that from then on."""

import ast
from functools import lru_cache

__all__ = ["made_once"]


@lru_cache(maxsize=65536)
def made_once(node: ast.AST) -> ast.Call | None:
    """The call that makes the object; None where a function is no such one.

    `if _hub is None: _hub = Hub()` before `return _hub`, be it in a global, on a class, a function or another
    module, or under a name in `globals()`. What is made with something that the function is given is another
    object for each that is given.
    """
    if not isinstance(node, ast.FunctionDef) or node.name == "__new__":
        return None
    if not isinstance(node.body[-1], ast.Return):
        return None
    held = node.body[-1].value
    if not isinstance(held, ast.Name | ast.Attribute | ast.Subscript):
        return None
    text = ast.unparse(held)
    own = _own_names(node)
    if not _stays(held, own):
        return None
    inside = [one for statement in node.body for one in ast.walk(statement)]
    made = [
        one.value
        for one in inside
        if isinstance(one, ast.Assign) and any(ast.unparse(to) == text for to in one.targets)
    ]
    if len(made) != 1 or not isinstance(made[0], ast.Call) or _names_in(made[0]) & own - {"cls"}:
        return None
    given = [one.value for one in inside if isinstance(one, ast.Return)]
    if any(one is None or ast.unparse(one) != text for one in given):
        return None
    asked = [one.test for one in inside if isinstance(one, ast.If)]
    return made[0] if asked and all(_asks_for(one, held, text) for one in asked) else None


def _own_names(node: ast.FunctionDef) -> set[str]:
    """Names of what a function is given, and of what it binds for itself."""
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    shared = {name for one in ast.walk(node) if isinstance(one, ast.Global) for name in one.names}
    bound = {
        one.id
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    return {one.arg for one in given} | (bound - shared)


def _stays(held: ast.expr, own: set[str]) -> bool:
    """Return True if it is stored under one name where the next call finds it."""
    inside = [*ast.walk(held)]
    return not _names_in(held) & own - {"cls"} and all(
        isinstance(one.slice, ast.Constant) for one in inside if isinstance(one, ast.Subscript)
    )


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _asks_for(test: ast.expr, held: ast.expr, text: str) -> bool:
    """Return True if a condition tests that the object exists already."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _asks_for(inner, held, text)
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[table]):
            return (
                isinstance(held, ast.Subscript)
                and ast.dump(held.value) == ast.dump(table)
                and (ast.dump(held.slice) == ast.dump(key))
            )
        case ast.Compare(left=left, comparators=[ast.Constant(value=None)]):
            return ast.unparse(left) == text
        case ast.Call(func=ast.Name(id="hasattr"), args=[holder, ast.Constant(value=name)]):
            return (
                isinstance(held, ast.Attribute)
                and held.attr == name
                and (ast.dump(held.value) == ast.dump(holder))
            )
        case _:
            return ast.unparse(test) == text
