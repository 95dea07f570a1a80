"""Names that a body assigns, without those of functions and classes inside it."""

import ast
from collections.abc import Iterator, Sequence

__all__ = ["assigned_names", "outer_names", "yields"]

_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def _walk(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a body; of a function or class inside it only the statement."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _INNER):
            pending.extend(ast.iter_child_nodes(node))


def assigned_names(body: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the names that statements bind."""
    names: set[str] = set()
    for node in _walk(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str() as name):
                names.add(name)
            case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                names.add(name)
            case _:
                pass
    return frozenset(names)


def outer_names(body: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the names that statements declare `global` or `nonlocal`."""
    return frozenset(
        name
        for node in _walk(body)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    )


def yields(body: Sequence[ast.stmt]) -> bool:
    """Return True if a body has `yield`: a call of the function gives an iterator."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _walk(body))
