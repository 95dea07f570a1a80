"""Classes that serve though no route names them: a router has them, or they make their own application."""

import ast
from collections.abc import Iterable

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["collect_served", "making_applications"]


def collect_served(project: Project, hierarchy: Hierarchy) -> None:
    """`SockJSRouter(Notifications, "/notify")` says what `Notifications` is, though its base was not read."""
    for module in list(project.inside()):
        if module.is_test:
            continue
        for node, scopes in module.nodes():
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in hierarchy.knowledge.router_names:
                continue
            for router in project.resolve(module, node.func, scopes):
                served = hierarchy.knowledge.routers.get(getattr(router, "name", ""))
                if served is None or not isinstance(router, External):
                    continue
                for info in hierarchy.classes_of(module, node.args[0], scopes):
                    if isinstance(info, ClassInfo) and not hierarchy.is_socket(info):
                        hierarchy.served[id(info)] = served


def making_applications(
    project: Project, hierarchy: Hierarchy, sockets: Iterable[ClassInfo]
) -> frozenset[int]:
    """Handlers that are asked for an application of themselves: `Door.make_app().listen(8888)`.

    Returns:
        Their ids.
    """
    known = {id(info) for info in sockets}
    makers = {
        method.name
        for info in sockets
        for one in info.mro
        if isinstance(one, ClassInfo)
        for method in one.node.body
        if isinstance(method, ast.FunctionDef) and _hands_itself_on(method)
    }
    found: set[int] = set()
    for module in list(project.inside()) if makers else ():
        if module.is_test:
            continue
        for node, scopes in module.nodes():
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name() as holder, attr=name)) if (
                    name in makers
                ):
                    named = hierarchy.classes_of(module, holder, scopes)
                    found |= {id(one) for one in named if id(one) in known}
                case _:
                    pass
    return frozenset(found)


def _hands_itself_on(method: ast.FunctionDef) -> bool:
    """A class method that gives its class to something that is called."""
    if not method.args.args or not any(
        isinstance(one, ast.Name) and one.id == "classmethod" for one in method.decorator_list
    ):
        return False
    own = method.args.args[0].arg
    return any(
        isinstance(part, ast.Name) and part.id == own
        for call in ast.walk(method)
        if isinstance(call, ast.Call)
        and not (isinstance(call.func, ast.Name) and call.func.id == "super")
        for argument in call.args
        for part in _parts(argument)
    )


def _parts(argument: ast.expr) -> list[ast.expr]:
    """Return the items of a list of routes, or the single route."""
    match argument:
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            return [inner for one in elts for inner in _parts(one)]
        case _:
            return [argument]
