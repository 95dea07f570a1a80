"""Calls between the layers of the interpreter."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.interpreter.machine import Core
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Nobody,
    Special,
    Value,
)
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Layer"]


class Layer(Core):
    """A layer: each says here what a later one adds."""

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def truth(self, value: Value, node: ast.AST, wanted: bool | None = None) -> bool:
        """Decide if a value counts as true."""
        raise NotImplementedError

    def call(
        self, function: Value, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """The value of a call."""
        raise NotImplementedError

    def execute(self, body: list[ast.stmt]) -> None:
        """Run statements."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """The value of `value.name`."""
        raise NotImplementedError

    def decorated(self, function: Function, module: Module, owner: ClassInfo | None) -> Value:
        """A function with its decorators applied."""
        raise NotImplementedError

    def in_module(self, module: Module, node: ast.expr, env: Environment | None = None) -> Value:
        """An expression evaluated at the top of a module."""
        raise NotImplementedError

    def run_in_module(self, module: Module, statement: ast.stmt) -> None:
        """Have a statement at the top of a module do what it does."""
        raise NotImplementedError

    def in_place(self, module: Module, node: ast.expr) -> Value:
        """An expression evaluated where it stands."""
        raise NotImplementedError

    def compare(self, left: Value, op: ast.cmpop, right: Value, node: ast.AST) -> Value:
        """A comparison."""
        raise NotImplementedError

    def call_expression(self, node: ast.Call) -> Value:
        """A call as it stands in the source."""
        raise NotImplementedError

    def awaited(self, value: Value, node: ast.AST) -> Value:
        """Return the result of awaiting a value."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a target."""
        raise NotImplementedError

    def special_item(self, value: Special, index: Value, node: ast.AST) -> Value:
        """An item of one of Tornado's objects."""
        raise NotImplementedError

    def setting_named(self, text: str, name: str, node: ast.AST) -> Value:
        """A configured value by its name."""
        raise NotImplementedError

    def lookup(self, node: ast.AST, text: str, key: Value) -> Value:
        """Return the entry that the server finds for an invalid credential."""
        raise NotImplementedError

    def by_words(self, value: Value, name: str, text: str, node: ast.AST) -> Value:
        """An attribute or item that cannot be resolved, judged by its name."""
        raise NotImplementedError

    def ignored_result(self, value: Nobody, node: ast.Call) -> None:
        """The result of a verification is not looked at."""
        raise NotImplementedError

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value`."""
        raise NotImplementedError

    def overlay(self, info: ClassInfo) -> dict[str, Value]:
        """Return the attributes put into the class after its body ran."""
        raise NotImplementedError

    def member_value(self, member: ClassMember, info: ClassInfo) -> Value:
        """A member of a class body as a value, decorators applied."""
        raise NotImplementedError

    def closure(self, owner: ClassInfo) -> Environment | None:
        """Names of the functions around a class: a factory's parameters."""
        raise NotImplementedError

    def stored_attribute(self, instance: Instance, name: str) -> Value | None:
        """Value that the constructor of a class stores, where no object of it was made here."""
        raise NotImplementedError

    def current_user(self, handler: Instance, node: ast.AST) -> Value:
        """`self.current_user`."""
        raise NotImplementedError

    def missing_attribute(self, value: Instance, name: str, node: ast.AST) -> Value:
        """An attribute that no class that was read defines."""
        raise NotImplementedError

    def tornado_method(self, handler: Instance, name: str, node: ast.AST) -> Value:
        """A method that Tornado's handlers define."""
        raise NotImplementedError

    def special_attribute(self, value: Special, name: str, node: ast.AST) -> Value:
        """An attribute of one of Tornado's objects."""
        raise NotImplementedError

    def special_method(
        self, value: Special, name: str, args: list[Value], node: ast.AST
    ) -> Value | None:
        """A method of one of Tornado's objects."""
        raise NotImplementedError

    def special_call(
        self, function: Special, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of one of Tornado's methods."""
        raise NotImplementedError

    def is_never_sent(self, holder: Special, name: Const) -> bool:
        """Return True if no page can make a browser send a header of this name."""
        raise NotImplementedError

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """Call a library function with a modelled meaning."""
        raise NotImplementedError
