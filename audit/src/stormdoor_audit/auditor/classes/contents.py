"""Shipped content of classes and modules: members under a condition, lists that begin empty."""

import ast
from collections.abc import Iterator
from functools import cached_property

from stormdoor_audit.auditor.classes.knowledge import Knowledge
from stormdoor_audit.auditor.classes.sockets import Sockets
from stormdoor_audit.auditor.classes.stores import kept_by
from stormdoor_audit.auditor.naming.lexicon import is_setting_chain
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.needed import needed_in
from stormdoor_audit.auditor.reading.nodes import called, last_name
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Condition", "Contents"]

Condition = tuple[ast.expr, bool]
"""A test, and the outcome under which something is there."""
_FILLS = frozenset({"append", "extend", "add", "update", "insert", "appendleft", "setdefault"})

_ITSELF = frozenset({"self", "cls", "klass"})


class Contents(Sockets):
    """Looks into class bodies and modules, once each."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        super().__init__(project, knowledge)
        self._conditions: dict[int, dict[int, tuple[Condition, ...]]] = {}
        self._kept: dict[str, list[ast.Constant]] = {}
        self._looked_into = 0
        self._filled: dict[int, frozenset[str]] = {}

    @remembered
    def is_filled(self, module: Module, name: str) -> bool:
        """Return True if code of the project may add to a list that a module begins empty."""
        if self.is_rebound(module, name):
            return True
        for one in (module, *self.project.naming(name)):
            known = self._filled.get(id(one))
            if known is None:
                known = self._filled[id(one)] = frozenset(_filled_names(one.tree))
            if name in known:
                return True
        return False

    @cached_property
    def needed(self) -> frozenset[str]:
        """Settings without which the program does not start, as they are written: `options.token`."""
        return frozenset(
            text
            for module in self.project.inside()
            if not module.is_test
            for text in needed_in(module.functions())
            if "." in text and is_setting_chain(text.split(".")[:1])
        )

    @cached_property
    def noted_from_outside(self) -> frozenset[str]:
        """Attributes that functions put on an object that they are given: `socket.user = found`."""
        return frozenset(
            name
            for one in self.project.inside()
            if not one.is_test
            for node in one.functions()
            for name in _put_on_parameters(node)
        )

    def kept_defaults(self, name: str) -> list[ast.Constant]:
        """The defaults of what classes of the program are told and keep under a name."""
        # Before the reading ends, files come behind the others, and none goes or changes.
        modules = list(self.project.inside())
        if len(modules) != self._looked_into:
            self._kept.clear()
            for module in modules:
                for definition in module.classes if not module.is_test else ():
                    for one, default in kept_by(definition.node).items():
                        self._kept.setdefault(one, []).append(default)
            self._looked_into = len(modules)
        return self._kept.get(name, [])

    @remembered
    def registered(
        self, module: Module, name: str
    ) -> "list[tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]":
        """Functions and classes under a decorator that puts them into a table of a module."""
        registrars = {
            one.name
            for one in module.tree.body
            if isinstance(one, ast.FunctionDef) and name in set(_filled_names(one))
        }
        return [
            (place, node)
            for place in self.project.naming(*registrars)
            for node in ast.walk(place.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and any(last_name(called(one)) in registrars for one in node.decorator_list)
        ]

    def is_filled_later(self, module: Module, name: str) -> bool:
        """Return True if a function of a module adds to its table, or binds it anew."""
        return any(name in self.filled_by(one) for one in module.functions())

    def filled_by(self, function: ast.AST) -> frozenset[str]:
        """Names of what a function puts something into, or binds anew."""
        known = self._filled.get(id(function))
        if known is None:
            known = self._filled[id(function)] = frozenset(_filled_names(function))
        return known

    def tellers(self, module: Module, name: str) -> list[tuple[Module, ast.Call]]:
        """Calls at the top of modules of a function that puts what it is given into a list."""
        registrars = [
            one
            for one in module.tree.body
            if isinstance(one, ast.FunctionDef) and name in set(_filled_names(one))
        ]
        return [
            (place, call)
            for one in registrars
            for place, call in self.calls_of(module, one)
            if not self.functions_around(place, call)
        ]

    def conditions_in(
        self, scope: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ) -> dict[int, tuple[Condition, ...]]:
        """Return the nodes in each `if` of this body, with the tests around them."""
        known = self._conditions.get(id(scope))
        if known is None:
            known = self._conditions[id(scope)] = dict(_conditions(scope.body, ()))
        return known


def _put_on_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    given = {one.arg for one in [*function.args.args, *function.args.kwonlyargs]} - _ITSELF
    for node in ast.walk(function) if given else ():
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=stored, ctx=ast.Store()) if (
                name in given and not is_setting_chain([name]) and "app" not in name
            ):
                yield stored
            case _:
                pass


def _conditions(
    body: list[ast.stmt], around: tuple[Condition, ...]
) -> Iterator[tuple[int, tuple[Condition, ...]]]:
    for node in body:
        match node:
            case ast.If() if _is_main(node.test):
                yield from _conditions(node.body, around)
            case ast.If():
                yield from _conditions(node.body, (*around, (node.test, True)))
                yield from _conditions(node.orelse, (*around, (node.test, False)))
            case ast.With() | ast.AsyncWith() | ast.Try() if around:
                yield from _conditions(node.body, around)
            case ast.For():
                # A loop over options sets what the operator gave, and nothing is given as shipped.
                said = (ast.copy_location(ast.Constant(value=False), node), True)
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Constant):
                        yield id(inner.value), (*around, said)
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) if around:
                yield id(value), around
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if around:
                yield id(node), around
            case _:
                pass


def _is_main(test: ast.expr) -> bool:
    """`if __name__ == "__main__":` holds where the file is the program."""
    return any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(test))


def _filled_names(tree: ast.AST) -> Iterator[str]:
    """Names of what a file or a function puts something into, or binds anew from outside."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=holder, attr=name)) if name in _FILLS:
                yield last_name(holder)
            case ast.AugAssign(target=holder):
                yield last_name(holder)
            case ast.Subscript(value=holder, ctx=ast.Store()):
                yield last_name(holder)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass
