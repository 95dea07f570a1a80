"""Callers of a function, and the functions around a place."""

import ast

from stormdoor_audit.auditor.classes.loaded import names_loaded
from stormdoor_audit.auditor.reading.budget import Budget, remembered
from stormdoor_audit.auditor.reading.module import Defined, Module
from stormdoor_audit.auditor.reading.nodes import last_name
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["Callers", "FunctionDefinition"]

FunctionDefinition = ast.FunctionDef | ast.AsyncFunctionDef


class Callers:
    """The functions of a project and the calls of them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._rebound: dict[int, frozenset[str]] = {}
        self._functions: dict[int, list[FunctionDefinition]] = {}
        self._standing: dict[tuple[int, int], list[FunctionDefinition]] = {}
        self._calls: dict[str, list[tuple[Module, ast.Call]]] | None = None

    @property
    def budget(self) -> Budget:
        """The steps of the work under way."""
        return self.project.budget

    def is_rebound(self, module: Module, name: str) -> bool:
        """Return True if a function of the module binds its name anew: `global instance`."""
        known = self._rebound.get(id(module))
        if known is None:
            known = frozenset(
                one
                for node in ast.walk(module.tree)
                if isinstance(node, ast.Global)
                for one in node.names
            )
            self._rebound[id(module)] = known
        return name in known

    def rebindings(self, module: Module, name: str) -> list[ast.expr]:
        """Return the values that functions of a module bind its name to, except None."""
        return [
            node.value
            for function in module.functions()
            if any(isinstance(one, ast.Global) and name in one.names for one in function.body)
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
            and not (isinstance(node.value, ast.Constant) and node.value.value is None)
        ]

    def functions_around(self, module: Module, node: ast.AST) -> "list[FunctionDefinition]":
        """The functions that a node stands in, outermost first."""
        line = getattr(node, "lineno", 0)
        around = self._standing.get((id(module), line))
        if around is None:
            known = self._functions.get(id(module))
            if known is None:
                known = list(module.functions())
                self._functions[id(module)] = known
            around = [
                one for one in known if one.body[0].lineno <= line <= (one.end_lineno or one.lineno)
            ]
            around.sort(key=lambda one: one.lineno)
            self._standing[id(module), line] = around
        return around

    @remembered
    def calls_of(
        self, module: Module, function: "FunctionDefinition | ast.ClassDef"
    ) -> list[tuple[Module, ast.Call]]:
        """The calls of a function, or of a class, in what was read."""
        name, wanted = function.name, function
        if name == "__init__":
            owner = next((one for one in module.classes if function in one.node.body), None)
            if owner is None:
                return []
            name, wanted = owner.node.name, owner.node
        found = [
            (one, call)
            for one, call in self.calls_by_name().get(name, ())
            if self._means(one, call, module, wanted)
        ]
        if not found and isinstance(function, FunctionDefinition) and name == function.name:
            found = [
                (one, call)
                for place, local in names_loaded(self.project, module, name)
                for one, call in self.calls_by_name().get(local, ())
                if one is place
            ]
        self.budget.spend(len(self.calls_by_name().get(name, ())))
        return found

    def calls_by_name(self) -> dict[str, list[tuple[Module, ast.Call]]]:
        """The calls of the program, by the last of their names."""
        if self._calls is None:
            self._calls = {}
            for one in self.project.inside():
                for node, _ in one.nodes() if not one.is_test else ():
                    if isinstance(node, ast.Call) and isinstance(
                        node.func, ast.Name | ast.Attribute
                    ):
                        self._calls.setdefault(last_name(node.func), []).append((one, node))
        return self._calls

    def _means(
        self,
        caller: Module,
        call: ast.Call,
        module: Module,
        wanted: "FunctionDefinition | ast.ClassDef",
    ) -> bool:
        match call.func:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                return caller is module
            case _:
                pass
        for one in self.project.resolve(caller, call.func):
            if (
                isinstance(one, Meaning)
                and isinstance(one.binding, Defined)
                and one.binding.node is wanted
            ):
                return True
        if caller is module and isinstance(call.func, ast.Attribute):
            return _hands_itself(call) and self._is_method(module, wanted, len(call.args))
        # A function in a function, or a name imported inside of one, is not resolved.
        return caller is module and isinstance(call.func, ast.Name)

    @staticmethod
    def _is_method(module: Module, wanted: "FunctionDefinition | ast.ClassDef", given: int) -> bool:
        """Return True if it is a method of one of the module's classes that takes as many arguments."""
        if isinstance(wanted, ast.ClassDef):
            return False
        most = len(wanted.args.args) - 1
        return most - len(wanted.args.defaults) <= given <= most and any(
            wanted in one.node.body for one in module.classes
        )


def _hands_itself(call: ast.Call) -> bool:
    """`self.server.start(self)`: who does so is who the method is told."""
    return any(isinstance(one, ast.Name) and one.id == "self" for one in call.args)
