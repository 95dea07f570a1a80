"""Fronts of the application: a function or an object that a server is given in its place."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.reading.module import Defined, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["HAS_REQUEST", "given_to_servers"]

HAS_REQUEST = ("__call__", "find_handler")
"""Methods that have the request: of what stands around an application, of a router."""

_SERVER = "tornado.httpserver.HTTPServer"
_APPLICATIONS = frozenset({"tornado.web.Application", "tornado.wsgi.WSGIContainer"})
_DEEP = 4


def given_to_servers(project: Project) -> list[tuple[Module, ast.expr]]:
    """Return the arguments of `HTTPServer(...)` that are not plainly an application, with their module.

    Where an application is served as it is, too, nothing stands in front of it.
    """
    found: list[tuple[Module, ast.expr]] = []
    for module in list(project.inside()):
        if module.is_test or not any("HTTPServer" in line for line in module.lines):
            continue
        for node, scopes in module.nodes():
            match node:
                case ast.Call(args=[(ast.Name() | ast.Attribute() | ast.Call()) as served, *_]):
                    meant = project.resolve(module, node.func, scopes)
                    if not any(isinstance(one, External) and one.name == _SERVER for one in meant):
                        continue
                    if _is_application(project, module, served, scopes):
                        return []
                    found.append((module, served))
                case _:
                    pass
    return [] if found and _listens_by_itself(project) else found


def _listens_by_itself(project: Project) -> bool:
    """`application.listen(8888)`: a server of its own."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "listen"
        and isinstance(node.func.value, ast.Name | ast.Call)
        and _is_application(project, module, node.func.value, scopes)
        for module in list(project.inside())
        if not module.is_test and any(".listen(" in line for line in module.lines)
        for node, scopes in module.nodes()
    )


def _is_application(
    project: Project, module: Module, node: ast.expr, scopes: tuple[ast.AST, ...], deep: int = 0
) -> bool:
    """Return True if an expression gives an application, and nothing around one, as far as is known."""
    if deep > _DEEP:
        return True
    match node:
        case ast.Name(id=name):
            around = next(
                (one for one in reversed(scopes) if isinstance(one, FunctionDefinition)), None
            )
            bound = list(_bound_in(around or module.tree, name))
            if not bound and around is not None:
                return not any(
                    isinstance(one, Meaning) and isinstance(one.binding, Defined)
                    for one in project.resolve(module, node)
                )
            return all(_is_application(project, module, one, scopes, deep + 1) for one in bound)
        case ast.Attribute(attr=name):
            bound = list(_bound_in(module.tree, name))
            return all(_is_application(project, module, one, (), deep + 1) for one in bound)
        case ast.Call():
            return all(
                _gives_application(project, one, deep)
                for one in project.resolve(module, node.func, scopes)
            )
        case _:
            return not isinstance(node, ast.Lambda)


def _gives_application(project: Project, made: Meaning | External, deep: int) -> bool:
    match made:
        case External(name=name):
            return name in _APPLICATIONS or not name.startswith("tornado.")
        case Meaning(module, Defined(ast.FunctionDef() | ast.AsyncFunctionDef() as function)):
            returned = [
                one.value
                for one in ast.walk(function)
                if isinstance(one, ast.Return) and one.value is not None
            ]
            return all(
                _is_application(project, module, one, (function,), deep + 1) for one in returned
            )
        case Meaning(_, Defined(ast.ClassDef() as info)):
            return not any(
                isinstance(one, FunctionDefinition) and one.name in HAS_REQUEST for one in info.body
            )
        case _:
            return True


def _bound_in(place: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the values of a name, or of an attribute of this name; a function is no application."""
    for node in ast.walk(place):
        match node:
            case ast.Assign(targets=[ast.Name(id=target) | ast.Attribute(attr=target), *_]) if (
                target == name
            ):
                yield node.value
            case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined) if (
                defined == name and node is not place
            ):
                yield ast.Lambda(node.args, ast.Constant(None))
            case _:
                pass
