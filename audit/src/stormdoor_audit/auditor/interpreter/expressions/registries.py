"""Tables and lists that the files of a program fill when they are read."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.layer import Layer
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Function,
    Mapping,
    Sequence,
    Setting,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Defined, Module
from stormdoor_audit.auditor.reading.nodes import called, last_name
from stormdoor_audit.auditor.reading.project import Meaning

__all__ = ["Registries"]


class Registries(Layer):
    """Entries put there by statements, decorators, functions and the classes that are made."""

    def handed(self, holder: ast.AST, name: str, info: ClassInfo) -> None:
        """Return the entries that the program's files add to an object or a class: `@events.on("say")`."""
        methods = self.hierarchy.registrars(info)
        handed = self.hierarchy.handed_to(holder, name, methods) if methods else []
        stage, self.stage = self.stage, Stage.IMPORT
        try:
            for place, node in handed[:_MAX_REGISTERED]:
                if isinstance(node, ast.Call):
                    self.in_place(place, node)
                else:
                    self._under_decorators(place, node)
        finally:
            self.stage = stage

    def _under_decorators(
        self, place: Module, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> None:
        """Have the decorators of a function or a class do what they do when its file is read."""
        if isinstance(node, ast.ClassDef):
            made = ClassRef(self.hierarchy.of_node(place, node), text=node.name)
            for decorator in node.decorator_list:
                self.call(self.in_module(place, decorator), [made], {}, decorator)
        else:
            self.decorated(Function(node, place, text=node.name), place, None)

    def told_in(self, module: Module, name: str, listed: Sequence) -> None:
        """Return the items that modules add to a list through a function: `add_check(by_password)`."""
        calls = self.hierarchy.tellers(module, name)[:_MAX_REGISTERED]
        if not calls:
            return
        listed.exact = True
        for place, call in calls:
            self.in_module(place, call)
        listed.exact = bool(listed.items)

    def appended(self, module: Module, name: str, listed: Sequence) -> None:
        """Return the items that a module itself adds: `if options.tokens: LOGINS.append(ByToken())`."""
        found = False
        for statement in module.tree.body:
            body = statement.body if isinstance(statement, ast.If) else [statement]
            given = [one for inner in body for one in _put_into(inner, name)]
            if not given:
                continue
            found = True
            holds: bool | None = True
            if isinstance(statement, ast.If):
                holds = self.holds(module, statement.test, name, statement)
            if holds is None:
                return
            if holds:
                listed.items.extend(self.in_module(module, one) for one in given)
        listed.exact = listed.exact or found

    def holds(self, module: Module, test: ast.expr, name: str, node: ast.AST) -> bool | None:
        """Return the shipped outcome of a condition at the top of a module; None if it is unknown."""
        value = self.in_module(module, test)
        match value:
            case Const():
                return bool(value.value)
            case Setting() if self.mode == "anonymous" and (
                lexicon.concerns_identity(value.name) or lexicon.concerns_identity(name)
            ):
                return self.assume(value, test)
            case Setting():
                return self.truth_of_default(value)
            case _:
                return None

    def fillers(self, module: Module, name: str) -> list[ast.AST]:
        """Return the functions under a decorator that fills a table, and the decorator itself."""
        registered = self.hierarchy.registered(module, name)
        decorators = [
            one.binding.node
            for _, node in registered[:1]
            for decorator in node.decorator_list
            for one in self.project.resolve(module, called(decorator))
            if isinstance(one, Meaning) and isinstance(one.binding, Defined)
        ]
        return [*decorators, *(node for _, node in registered)]

    def filled_in(self, module: Module, name: str, table: Mapping) -> None:
        """Add the entries of decorators, calls and classes to a table: `@action("delete")`."""
        for place, node in self.hierarchy.registered(module, name)[:_MAX_REGISTERED]:
            self._under_decorators(place, node)
        for place, call in self.hierarchy.tellers(module, name)[:_MAX_REGISTERED]:
            self.in_module(place, call)
        for owner in self.hierarchy.noting(module, name):
            for one in self.made_with(owner)[:_MAX_REGISTERED]:
                self.overlay(one)
        table.exact = bool(table.items)

    def stated(self, module: Module, name: str, table: Mapping) -> None:
        """Add the entries that a module itself puts into a table: `ACTIONS["delete"] = delete`."""
        statements = _putting(module.tree).get(name, [])
        for one in statements[:_MAX_REGISTERED]:
            self.run_in_module(module, one)
        if statements:
            table.exact = bool(table.items) and not self.hierarchy.is_filled_later(module, name)

    def made_with(self, owner: ClassInfo) -> list[ClassInfo]:
        """The classes that a class or a metaclass takes note of when they are made."""
        own = self.hierarchy.members(owner)
        if "__init_subclass__" in own:
            return self.hierarchy.heirs(owner)
        names = (last_name(called(one)) for one in owner.node.bases)
        makes = any(one == "type" or one.endswith("Meta") for one in names)
        return (
            self.hierarchy.made_by(owner) if makes and {"__new__", "__init__"} & own.keys() else []
        )


@lru_cache(maxsize=1024)
def _putting(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The statements at the top of a module that put something into a table, by the name of that."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.For):
            for name in dict.fromkeys(_stored_in(statement)):
                found.setdefault(name, []).append(statement)
        elif isinstance(statement, ast.Expr):
            match statement.value:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update")):
                    found.setdefault(name, []).append(statement)
                case _:
                    pass
    return found


def _stored_in(statement: ast.stmt) -> list[str]:
    """The names of the tables that a statement puts something into: `NAME[key] = one`."""
    return [
        inner.value.id
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Subscript)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
    ]


_MAX_REGISTERED = 24


def _put_into(statement: ast.stmt, name: str) -> list[ast.expr]:
    """Return the arguments of `NAME.append(one)` in a statement."""
    match statement:
        case ast.Expr(
            ast.Call(
                func=ast.Attribute(value=ast.Name(id=holder), attr="append" | "add"), args=[one]
            )
        ) if holder == name:
            return [one]
        case _:
            return []
