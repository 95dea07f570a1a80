"""What the files of a program hand to an object or a class when they are read: `@events.on("say")`."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.classes.callers import FunctionDefinition
from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.classes.contents import Contents
from stormdoor.auditor.classes.knowledge import Knowledge
from stormdoor.auditor.reading.module import Assigned, Defined, Module
from stormdoor.auditor.reading.project import Meaning, Project

__all__ = ["Handed", "Registrations", "handed_in"]

Handed = tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Call]
"""A function or a class under a decorator, or a call that stands by itself."""
_FILLS = frozenset({"add", "append", "insert", "setdefault", "update"})
_ITSELF = frozenset({"self", "cls", "klass", "mcs", "mcls", "meta"})
_STARTS = frozenset(
    {"__main__", "main", "make_app", "create_app", "get_app", "setup", "init", "run"}
)
"""Functions that set a program up: what they call runs once, before anybody connects."""


class Registrations(Contents):
    """Decorators and calls that put something into a table of what they belong to."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self._handed: dict[tuple[int, frozenset[str]], list[Handed]] = {}

    def registrars(self, info: ClassInfo) -> frozenset[str]:
        """The methods of a class that put something into a table of its object, or of the class."""
        return frozenset(
            name for one in info.mro if isinstance(one, ClassInfo) for name in _registrars(one.node)
        )

    def handed_to(self, holder: ast.AST, name: str, methods: frozenset[str]) -> list[Handed]:
        """What is handed to the object that a value of a module makes, or to a class, by these methods.

        Args:
            holder: The value, or the class statement.
            name: What it is called where it is made.
            methods: The methods.
        """
        known = self._handed.get((id(holder), methods))
        if known is None:
            known = self._handed[id(holder), methods] = [
                (place, node)
                for place in list(self.project.inside())
                if not place.is_test
                and any(f".{one}" in line for line in place.lines for one in methods)
                for node, holders in _handing(place.tree, methods)
                if any(self._is_holder(place, one, holder, name) for one in holders)
            ]
        return known

    def _is_holder(self, place: Module, node: ast.expr, holder: ast.AST, name: str) -> bool:
        for one in self.project.resolve(place, node, self.functions_around(place, node)):
            match one:
                case Meaning(_, Assigned(value=value)) if value is holder:
                    return True
                case Meaning(_, Defined(node=found)) if found is holder:
                    return True
                case _:
                    pass
        return False


@lru_cache(maxsize=4096)
def _registrars(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(
        method.name
        for method in node.body
        if isinstance(method, FunctionDefinition)
        and not method.name.startswith("__")
        and any(_fills_own(inner, node.name) for inner in ast.walk(method))
    )


def _fills_own(node: ast.AST, name: str) -> bool:
    """`self.actions[name] = function`, `cls.actions.append(function)`."""
    match node:
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=owner)), ctx=ast.Store()):
            return owner in _ITSELF or owner == name
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner)), attr=how)):
            return how in _FILLS and (owner in _ITSELF or owner == name)
        case _:
            return False


def _handing(
    tree: ast.Module, methods: frozenset[str]
) -> Iterator[
    tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Call, list[ast.expr]]
]:
    """Where something is handed to one of the methods, with the expressions that say to whom."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionDefinition | ast.ClassDef):
            holders = [_holder(one, methods) for one in node.decorator_list]
            found = [one for one in holders if one is not None]
            if found:
                yield node, found
            if isinstance(node, FunctionDefinition) and node.name in _STARTS:
                yield from _called(node.body, methods)
    yield from _called(tree.body, methods)


def handed_in(function: FunctionDefinition, name: str, methods: frozenset[str]) -> list[ast.Call]:
    """The calls by which a function hands something to an object that it has made."""
    return [
        call
        for call, holders in _called(function.body, methods)
        if any(isinstance(one, ast.Name) and one.id == name for one in holders)
    ]


def _called(
    body: list[ast.stmt], methods: frozenset[str]
) -> Iterator[tuple[ast.Call, list[ast.expr]]]:
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call() as call):
                holder = _holder(call, methods)
                if holder is not None:
                    yield call, [holder]
            case ast.If(test=test, body=inner) if "__main__" in ast.unparse(test):
                yield from _called(inner, methods)
            case _:
                pass


def _holder(node: ast.expr, methods: frozenset[str]) -> ast.expr | None:
    """`events` of `events.on("say")`."""
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Attribute) and called.attr in methods:
        return called.value
    return None
