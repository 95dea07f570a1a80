"""Servers of Socket.IO with functions as events: `@sio.event`, `@sio.on("say")`.

Each is judged as the namespace that its functions are, where Tornado serves it.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.bases import made_class
from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.reading.module import Assigned, Module
from stormdoor_audit.auditor.reading.project import External, Meaning, Project

__all__ = ["announced", "event_servers"]

_SERVERS = frozenset({"socketio.AsyncServer", "socketio.Server"})
_NAMESPACE = External("socketio.AsyncNamespace")


def event_servers(project: Project, hierarchy: Hierarchy) -> Iterator[tuple[Module, str, ast.Call]]:
    """Yield the places where modules make servers of Socket.IO, and their names, if Tornado serves them."""
    if not hierarchy.serves_events:
        return
    for module in list(project.inside()):
        for statement in module.tree.body if not module.is_test else ():
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func) as call) if (
                    _is_server(project, module, func)
                ):
                    yield module, name, call
                case _:
                    pass


def announced(project: Project, hierarchy: Hierarchy) -> Iterator[ClassInfo]:
    """Yield the namespaces of servers that have functions as events."""
    for module, name, call in event_servers(project, hierarchy):
        made = [
            _made(one, name, call, events)
            for one in project.naming(name)
            if not one.is_test and (events := _events(hierarchy, one, call))
        ]
        if made:
            yield _joined(module, name, call, made)


def _is_server(project: Project, module: Module, func: ast.expr) -> bool:
    return any(
        isinstance(one, External) and one.name in _SERVERS for one in project.resolve(module, func)
    )


def _events(hierarchy: Hierarchy, module: Module, server: ast.Call) -> list[FunctionDefinition]:
    """The functions of a file that a server calls, named as the methods of a namespace are."""
    found: list[FunctionDefinition] = []
    for node in ast.walk(module.tree):
        if not isinstance(node, FunctionDefinition):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not isinstance(called, ast.Attribute) or called.attr not in {"event", "on"}:
                continue
            if any(
                isinstance(one, Meaning)
                and isinstance(one.binding, Assigned)
                and one.binding.value is server
                for one in hierarchy.project.resolve(
                    module, called.value, hierarchy.functions_around(module, decorator)
                )
            ):
                found.append(_renamed(node, decorator))
    return found


def _renamed(node: FunctionDefinition, decorator: ast.expr) -> FunctionDefinition:
    """The function as a method that needs no object."""
    name = node.name
    match decorator:
        case ast.Call(func=ast.Attribute(attr="on"), args=[ast.Constant(value=str() as said), *_]):
            name = "".join(one if one.isalnum() else "_" for one in said)
        case _:
            pass
    own = ast.copy_location(ast.Name("staticmethod", ast.Load()), decorator)
    kind = type(node)
    method = kind(
        name=f"on_{name}", args=node.args, body=node.body, decorator_list=[own], returns=None
    )
    return ast.copy_location(method, node)


def _made(module: Module, name: str, call: ast.Call, events: list[FunctionDefinition]) -> ClassInfo:
    place = call if any(inner is call for inner in ast.walk(module.tree)) else events[0]
    return made_class(module, name, [*events], place, bases=[_NAMESPACE])


def _joined(module: Module, name: str, call: ast.Call, made: list[ClassInfo]) -> ClassInfo:
    """One namespace of the functions in all files."""
    if len(made) == 1 and made[0].module is module:
        return made[0]
    return made_class(module, name, [], call, bases=made)
