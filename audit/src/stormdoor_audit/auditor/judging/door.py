"""Handlers that stand behind stormdoor itself: `protect(application, guard)`, and `GuardedHandler`.

The door asks for a credential, compares the Origin and keeps the limits before anything of the handler
runs, so what the handler does about that does not matter. What it does with messages still does.
"""

import ast
from collections.abc import Iterable, Iterator

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.routes import Route
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["DOOR_RULES", "stands_behind_door"]

DOOR_RULES = ("SD1", "SD2", "SD602", "SD603", "SD604")
"""Ids, or their beginnings, of the rules about what the door does by itself."""

_PROTECT = frozenset({"stormdoor.protect", "stormdoor.tornado.protect.protect"})
_GUARDED = frozenset({"stormdoor.GuardedHandler", "stormdoor.tornado.declare.GuardedHandler"})


def stands_behind_door(project: Project, info: ClassInfo, routes: tuple[Route, ...]) -> bool:
    """Return True if no client reaches the class without passing the door.

    A `GuardedHandler` serves no client without one. Another handler is behind it if every route that
    leads to it is in an application that `protect` is called with.
    """
    for one in info.mro:
        name = one.name if isinstance(one, External) else one.qualname
        if name in _GUARDED:
            return True
    return bool(routes) and all(_protected(project, route) for route in routes)


def _protected(project: Project, route: Route) -> bool:
    return any(
        _holds(one, route.node)
        for call in _calls(project, route.module)
        for one in _meant(route.module, call.args[0])
    )


def _calls(project: Project, module: Module) -> Iterator[ast.Call]:
    """Calls of `protect` in a file."""
    for node, scopes in module.nodes():
        if (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.func, ast.Name | ast.Attribute)
            and _is_protect(project, module, node.func, scopes)
        ):
            yield node


def _is_protect(
    project: Project, module: Module, name: ast.expr, scopes: Iterable[ast.AST]
) -> bool:
    """Return True if the name stands for stormdoor's function, and for no other anywhere in the file."""
    found = project.resolve(module, name, scopes)
    return bool(found) and all(isinstance(one, External) and one.name in _PROTECT for one in found)


def _meant(module: Module, argument: ast.expr) -> Iterator[ast.AST]:
    """The expressions that make the application: the argument, or what was assigned to its name."""
    yield argument
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name):
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name == argument.func.id
            ):
                yield node
    if isinstance(argument, ast.Name | ast.Attribute):
        wanted = ast.unparse(argument)
        for node, _ in module.nodes():
            if isinstance(node, ast.Assign):
                targets: list[ast.expr] = node.targets
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                targets = [node.target]
            else:
                continue
            if node.value is not None and wanted in map(ast.unparse, targets):
                yield node.value


def _holds(tree: ast.AST, node: ast.AST) -> bool:
    return any(one is node for one in ast.walk(tree))
