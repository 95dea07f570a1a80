"""Values that the files of a program register with an object or a class: `@events.on("say")`."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.contents import Contents
from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["Handed", "Registrations", "handed_in"]

_Handing = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Call
Handed = tuple[Module, _Handing]
"""A function or a class under a decorator, or a call that stands by itself."""
_FILLS = frozenset({"add", "append", "insert", "setdefault", "update"})
_ITSELF = frozenset({"self", "cls", "klass", "mcs", "mcls", "meta"})
_STARTS = words("__main__ create_app get_app init main make_app run setup")
"""Functions that set a program up: they run once, before any client connects."""


class Registrations(Contents):
    """Decorators and calls that put something into a table of what they belong to."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self._registrars: dict[int, frozenset[str]] = {}

    def registrars(self, info: ClassInfo) -> frozenset[str]:
        """The methods of a class that put something into a table of its object, or of the class."""
        known = self._registrars.get(id(info))
        if known is None:
            known = self._registrars[id(info)] = frozenset(
                name
                for one in info.mro
                if isinstance(one, ClassInfo)
                for name in _registrars(one.node)
            )
        return known

    @remembered
    def handed_to(self, holder: ast.AST, name: str, methods: frozenset[str]) -> list[Handed]:
        """Return the values that these methods register with a module's object, or with a class.

        Args:
            holder: The value, or the class statement.
            name: What it is called where it is made.
            methods: The methods.
        """
        return [
            (place, node)
            for place in self.project.naming(*methods)
            if not place.is_test
            for node, hands in _handing(place.tree)
            if any(
                one.attr in methods and self._is_holder(place, one.value, holder, name)
                for one in hands
            )
        ]

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


# INVARIANT: nothing changes a syntax tree after it was parsed or made.
@lru_cache(maxsize=1024)
def _handing(tree: ast.Module) -> tuple[tuple[_Handing, tuple[ast.Attribute, ...]], ...]:
    """Return the registrations in a file: by decorators, or by a call on its own."""
    found: list[tuple[_Handing, tuple[ast.Attribute, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, FunctionDefinition | ast.ClassDef):
            hands = tuple(_methods_in(node.decorator_list))
            if hands:
                found.append((node, hands))
            if isinstance(node, FunctionDefinition) and node.name in _STARTS:
                found += _called(node.body)
    return (*found, *_called(tree.body))


def handed_in(function: FunctionDefinition, name: str, methods: frozenset[str]) -> list[ast.Call]:
    """The calls by which a function hands something to an object that it has made."""
    return [
        call
        for call, (method,) in _called(function.body)
        if method.attr in methods and isinstance(method.value, ast.Name) and method.value.id == name
    ]


def _called(body: list[ast.stmt]) -> Iterator[tuple[ast.Call, tuple[ast.Attribute]]]:
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method) as call):
                yield call, (method,)
            case ast.If(test=test, body=inner) if "__main__" in ast.unparse(test):
                yield from _called(inner)
            case _:
                pass


def _methods_in(decorators: list[ast.expr]) -> Iterator[ast.Attribute]:
    """`events.on` of `@events.on("say")`."""
    for one in decorators:
        called = one.func if isinstance(one, ast.Call) else one
        if isinstance(called, ast.Attribute):
            yield called
