"""What a name means where it stands."""

import ast
import builtins

from stormdoor.auditor.interpreter.layer import Layer
from stormdoor.auditor.interpreter.texts import PARSED
from stormdoor.auditor.interpreter.values import (
    ClassRef,
    Const,
    Function,
    Mapping,
    ModuleRef,
    Named,
    Sequence,
    Setting,
    Unknown,
    Value,
)
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Assigned, Defined, Module
from stormdoor.auditor.reading.project import External, Meaning

__all__ = ["Names"]


class Names(Layer):
    """Names of functions and modules."""

    def name(self, name: str, node: ast.AST) -> Value:
        """The value of a plain name here."""
        frame = self.frame
        if name not in frame.globals:
            value = frame.env.find(name)
            if value is not None:
                return value
        return self.global_name(frame.module, name, node)

    def global_name(self, module: Module, name: str, node: ast.AST) -> Value:
        """The value of a module's name."""
        stored = self.globals.get((module.name, name))
        if stored is not None:
            return stored
        found = self.project.members(module, name)
        if not found:
            if name == "__name__":
                return Const(module.name)
            if name in _BUILTINS:
                return Named(name)
            if self.hierarchy.is_rebound(module, name) and lexicon.turns_off(name):
                return Setting(name, Const(value=False), text=name)
            return self.unresolved(name, node)
        for one in found:
            if isinstance(one, External) and len(found) > 1 and _is_fallback(found):
                continue
            return self.meaning(one, name, node)
        return self.meaning(found[0], name, node)

    def unresolved(self, name: str, node: ast.AST) -> Value:
        """A name whose meaning is not known here: its words are all there is."""
        return Unknown(text=name)

    def meaning(self, meaning: Meaning | External, name: str, node: ast.AST) -> Value:
        """What was resolved, as a value."""
        match meaning:
            case External():
                return Named(meaning.name)
            case Meaning(module, None):
                return ModuleRef(module)
            case Meaning(module, Defined(ast.ClassDef() as found)):
                return ClassRef(self.hierarchy.of_node(module, found), text=name)
            case Meaning(module, Defined(found)) if not isinstance(found, ast.ClassDef):
                return self.decorated(Function(found, module, text=name), module, None)
            case Meaning(module, Assigned() as bound):
                return self._module_value(module, name, bound, node)
            case _:
                return Unknown(text=name)

    def _module_value(self, module: Module, name: str, bound: Assigned, node: ast.AST) -> Value:
        """A module's variable: constants are settings, whoever installs the program may edit them."""
        key = (module.name, name)
        if len(self.frames) > 24 or bound.unpacked:
            return Unknown(text=name)
        self.globals[key] = Unknown(text=name)  # a name that is defined by itself ends here
        value = self.in_module(module, bound.value)
        if (
            self.mode == "origin"
            and isinstance(value, Sequence)
            and value.exact
            and not value.items
            and not self.hierarchy.is_filled(module, name)
        ):
            value = Setting(name, value, text=name)  # nothing is in it as shipped
        elif (
            isinstance(value, Const)
            and value.value is None
            and not lexicon.concerns_identity(name)
            and self.hierarchy.is_rebound(module, name)
        ):
            value = Unknown(text=name)  # what a function puts there is made while the program runs
        elif isinstance(value, Const) and (
            value.value is None or isinstance(value.value, bool | str)
        ):
            value = Setting(name, value, text=name)
        elif isinstance(value, Unknown) and not value.text:
            value = Unknown(value.labels, name)
        elif isinstance(value, Sequence | Mapping) and value.text not in PARSED:
            # What a module fills in later is not in the display.
            if isinstance(value, Mapping) and lexicon.is_setting_chain([name]):
                value = _as_settings(value, name)
            value = (
                Sequence(
                    value.items, value.kind, exact=bool(value.items) and name.isupper(), text=name
                )
                if isinstance(value, Sequence)
                else Mapping(value.items, exact=bool(value.items), text=name)
            )
        self.globals[key] = value
        if isinstance(value, Mapping) and not value.items and self.mode == "member":
            self._filled_in(module, name, value)
        return value

    def _filled_in(self, module: Module, name: str, table: Mapping) -> None:
        """What decorators put into a table: `@action("delete")`."""
        for place, function in self.hierarchy.registered(module, name)[:_MAX_REGISTERED]:
            self.decorated(Function(function, place, text=function.name), place, None)
        table.exact = bool(table.items)


_MAX_REGISTERED = 24
_BUILTINS = frozenset(dir(builtins))


def _as_settings(value: Mapping, name: str) -> Mapping:
    """`CONFIG = {"auth": {"enabled": False}}`: whoever installs the program may edit it."""
    items: dict[object, Value] = {}
    for key, one in value.items.items():
        text = f"{name}[{key!r}]"
        if isinstance(one, Mapping):
            items[key] = _as_settings(one, text)
        elif isinstance(one, Const) and (one.value is None or isinstance(one.value, bool | str)):
            items[key] = Setting(text, one, text=text)
        else:
            items[key] = one
    return Mapping(items, value.exact, value.labels, value.text)


def _is_fallback(found: list[Meaning | External]) -> bool:
    return any(isinstance(one, Meaning) for one in found)
