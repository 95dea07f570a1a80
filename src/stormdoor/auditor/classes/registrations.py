"""Where modules tell an object of a module which functions it has to call."""

import ast
from collections.abc import Iterator

from stormdoor.auditor.reading.module import Binding, Module
from stormdoor.auditor.reading.project import Meaning, Project

__all__ = ["Registration", "Registrations"]

Registration = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Call
"""`@emitter.on("drop")` above a function or a class, or `emitter.on("drop", drop)`."""

_Place = tuple[Module, ast.expr, Registration]


class Registrations:
    """Looks into the statements at the top of each module once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._looked_into = 0
        self._by_name: dict[str, list[_Place]] = {}

    def of(self, module: Module, name: str, bound: Binding) -> list[tuple[Module, Registration]]:
        """What is registered with the object that a module binds to a name, wherever that is done."""
        # INVARIANT: modules that are read later come behind the others, and none goes or changes.
        modules = list(self._project.modules.values())
        for one in modules[self._looked_into :]:
            for holder, node in _told_at_the_top(one) if one.inside else ():
                self._by_name.setdefault(_last_name(holder), []).append((one, holder, node))
        self._looked_into = len(modules)
        return [
            (place, node)
            for place, holder, node in self._by_name.get(name, ())
            if (place is module and isinstance(holder, ast.Name))
            or any(
                isinstance(found, Meaning) and found.module is module and found.binding is bound
                for found in self._project.resolve(place, holder)
            )
        ]


def _told_at_the_top(module: Module) -> Iterator[tuple[ast.expr, Registration]]:
    for statement in module.tree.body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for decorator in statement.decorator_list:
                    called = decorator.func if isinstance(decorator, ast.Call) else decorator
                    if isinstance(called, ast.Attribute):
                        yield called.value, statement
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=holder), args=args) as call):
                if any(isinstance(one, ast.Name | ast.Attribute | ast.Lambda) for one in args):
                    yield holder, call
            case _:
                pass


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
