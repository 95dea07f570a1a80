"""Methods that a module puts into a class from outside: `Door.prepare = checked`, `setattr(...)`."""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.classinfo import ClassInfo, Member
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.reading.module import Assigned, Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["collect_patches"]

HANDLER_METHODS = frozenset({"check_origin", "get_current_user", "prepare", "open", "on_message"})
_APPLICATION = re.compile(r"(^|_)app(lication)?$", re.IGNORECASE)


def collect_patches(project: Project, hierarchy: Hierarchy) -> None:
    """Note them with the classes they are put into, and what is stored on an application.

    What runs when the module is imported counts, and what a function does that is called.
    """
    for module in list(project.inside()):
        if module.is_test:
            continue
        for target, name, value in _stored(module, hierarchy):
            for one in hierarchy.classes_of(module, target):
                member = Member(None, Assigned(value), module)
                if isinstance(one, ClassInfo):
                    one.replaced[name] = Member(one, Assigned(value), module)
                elif not name.startswith("_"):  # of Tornado's own inner workings, for old versions
                    hierarchy.patches[one.name, name] = member
        for node, _ in module.nodes():
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=holder), attr=name)], value=value
                ) if _APPLICATION.search(holder):
                    hierarchy.attributes.setdefault(name, []).append((module, value))
                case _:
                    pass


def _stored(module: Module, hierarchy: Hierarchy) -> Iterator[tuple[ast.expr, str, ast.expr]]:
    yield from _in_loops(module)
    for node, scopes in module.nodes():
        if scopes and not _is_called(module, hierarchy, node, scopes):
            continue
        yield from _puts(node)


def _puts(node: ast.AST) -> Iterator[tuple[ast.expr, str, ast.expr]]:
    """Yield each target, name and value that a statement sets."""
    if isinstance(node, ast.Expr):
        node = node.value
    match node:
        case ast.Assign(targets=[ast.Attribute(value=target, attr=name)], value=value):
            yield target, name, value
        case ast.Call(
            func=ast.Name(id="setattr"),
            args=[target, ast.Constant(value=str() as name), value],
        ):
            yield target, name, value
        case _:
            pass


def _in_loops(module: Module) -> Iterator[tuple[ast.expr, str, ast.expr]]:
    """`for one in (Door, Gate): one.check_origin = anybody`."""
    for loop in module.tree.body:
        if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.Tuple | ast.List):
            continue
        for statement in loop.body:
            for target, name, value in _puts(statement):
                if ast.unparse(target) == ast.unparse(loop.target):
                    for one in loop.iter.elts:
                        yield one, name, value


def _is_called(
    module: Module, hierarchy: Hierarchy, node: ast.AST, scopes: tuple[ast.AST, ...]
) -> bool:
    """Return True if a statement puts a method into a class, in a function with a caller."""
    around = scopes[0]
    if len(scopes) != 1 or not isinstance(around, ast.FunctionDef):
        return False
    if not any(name in HANDLER_METHODS for _, name, _ in _puts(node)):
        return False
    return around.name == "main" or bool(hierarchy.calls_of(module, around))
