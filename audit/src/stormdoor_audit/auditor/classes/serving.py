"""Applications that serve a handler: a program may have one for each of its roles."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.routes import Routes

__all__ = ["find_serving"]


def find_serving(hierarchy: Hierarchy, routes: Routes) -> None:
    """Note the application of each handler with routes in it, or in the same scope.

    `LISTENERS.append((r"/ws", Door))`, and under the same condition `APP = Trunk(handlers=LISTENERS)`.
    """
    by_name = {info.name: info for info in hierarchy.applications}
    if len(hierarchy.applications) < 2 or len(by_name) != len(hierarchy.applications):
        return
    known: dict[ast.stmt, set[str]] = {}
    for identity, entries in routes.of.items():
        serving = {
            _nearest(route.module.tree, route.node, frozenset(by_name), known) for route in entries
        }
        if len(serving) == 1 and (name := serving.pop()) is not None:
            hierarchy.serving[identity] = by_name[name]


def _nearest(
    tree: ast.Module, entry: ast.AST, names: frozenset[str], known: dict[ast.stmt, set[str]]
) -> str | None:
    """The only application that is made in the smallest block around a route where any is made.

    What is made in a block is `known` by its first statement, with which no other begins.
    """
    for block in reversed(list(_blocks_to(tree, entry))):
        if isinstance(block, ast.ClassDef) and block.name in names:
            return block.name
        body = block.body if isinstance(block, ast.ClassDef) else block
        if not body:
            continue  # the handlers of a `try` are no statements
        made = known.get(body[0])
        if made is None:
            made = known[body[0]] = {
                name
                for statement in body
                for call in ast.walk(statement)
                if isinstance(call, ast.Call)
                and (name := getattr(call.func, "attr", getattr(call.func, "id", ""))) in names
            }
        if made:
            return next(iter(made)) if len(made) == 1 else None
    return None


def _blocks_to(node: ast.AST, entry: ast.AST) -> Iterator[ast.ClassDef | list[ast.stmt]]:
    """The classes and the lists of statements around a route, outermost first."""
    at = getattr(entry, "lineno", 0)
    if isinstance(node, ast.ClassDef):
        yield node
    for _, held in ast.iter_fields(node):
        statements = (
            [one for one in held if isinstance(one, ast.stmt | ast.excepthandler)]
            if isinstance(held, list)
            else []
        )
        inside = next(
            (one for one in statements if one.lineno <= at <= (one.end_lineno or one.lineno)), None
        )
        if inside is not None:
            yield [one for one in statements if isinstance(one, ast.stmt)]
            yield from _blocks_to(inside, entry)
            return
