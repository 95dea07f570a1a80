"""Meanings of a name in its scope."""

import ast
import builtins
from functools import cached_property

from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.expressions.registries import Registries
from stormdoor_audit.auditor.interpreter.relevance import may_let_in
from stormdoor_audit.auditor.interpreter.standard import constant_named
from stormdoor_audit.auditor.interpreter.tables import PARSED
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Function,
    Instance,
    Mapping,
    ModuleRef,
    Named,
    Sequence,
    Setting,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.needed import needed_by
from stormdoor_audit.auditor.reading.project import External, Meaning

__all__ = ["Names", "edited"]


class Names(Registries):
    """Names of functions and modules."""

    @cached_property
    def picking(self) -> set[tuple[str, str]]:
        """Names of modules for which it is found out which of their definitions holds."""
        return set()

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
            if name == "__doc__":
                return Const(ast.get_docstring(module.tree, clean=False))
            if name in _BUILTINS:
                return Named(name)
            if self.hierarchy.is_rebound(module, name) and lexicon.turns_off(name):
                return Setting(name, Const(value=False), text=name)
            return self.unresolved(name, node)
        if len(found) > 1 and (module.name, name) not in self.picking:
            self.picking.add((module.name, name))  # `if path == "": path = "."` asks for itself
            try:
                picked = self._picked(module, name, found, node)
            finally:
                self.picking.discard((module.name, name))
            if picked is not None:
                return self.meaning(picked, name, node)
            if _hangs_on_an_import(module, found):
                return self.globals.setdefault((module.name, name), Setting(name, text=name))
        for one in found:
            if isinstance(one, External) and len(found) > 1 and _is_fallback(found):
                continue
            return self.meaning(one, name, node)
        return self.meaning(found[0], name, node)

    def _picked(
        self, module: Module, name: str, found: list[Meaning | External], node: ast.AST
    ) -> Meaning | External | None:
        """Of definitions under the conditions of a module the one that holds, one setting at a time.

        `if AUTH: def needs_login(method): ...`, and another of that name in the `else`.
        """
        conditions = self.hierarchy.conditions_in(module.tree)
        bound = [_bound(one) for one in found]
        if not any(id(one) in conditions for one in bound):
            return None
        for one, what in zip(found, bound, strict=True):
            if what is None:
                return None  # an import: the condition that it stands under is not known
            for test, wanted in conditions.get(id(what), ()):
                holds = self.holds(module, test, name, node)
                if holds is None:
                    return None
                if holds is not wanted:
                    break
            else:
                return one
        return None

    def unresolved(self, name: str, node: ast.AST) -> Value:
        """Return a value for an unresolved name: only its words are known."""
        return Unknown(text=name)

    def meaning(self, meaning: Meaning | External, name: str, node: ast.AST) -> Value:
        """Return a resolved name as a value."""
        match meaning:
            case External():
                return constant_named(meaning.name) or Named(meaning.name)
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
        """Value of a module's variable: constants are settings, which the operator may edit."""
        self.project.budget.follow(module)
        key = (module.name, name)
        if key in self.globals:
            return self.globals[key]  # the one object that all files name
        if len(self.frames) > 24 or bound.unpacked:
            return Unknown(text=name)
        self.globals[key] = Unknown(text=name)  # a name that is defined by itself ends here
        value = self.in_module(module, bound.value)
        if (
            isinstance(value, Sequence)
            and value.exact
            and not value.items
            and (self.mode == "origin" or lexicon.concerns_identity(name))
            and not self.hierarchy.is_filled(module, name)
        ):
            value = Setting(name, value, text=name)  # nothing is in it as shipped
        elif (
            isinstance(value, Mapping)
            and value.exact
            and not value.items
            and self.mode == "anonymous"
            and name.isupper()
            and lexicon.concerns_identity(name)
            and not self.hierarchy.is_filled(module, name)
        ):
            value = Setting(name, value, text=name)  # nor is a user
        elif (
            isinstance(value, Const)
            and value.value is None
            and not lexicon.concerns_identity(name)
            and self.hierarchy.is_rebound(module, name)
        ):
            self.globals[key] = Unknown(text=name)  # it may be made of itself
            value = self._put_there(module, name)
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
            elif isinstance(value, Mapping) and _SWITCHES & set(lexicon.words_of(name)):
                edited(value, name)
            value = (
                Sequence(
                    value.items, value.kind, exact=bool(value.items) and name.isupper(), text=name
                )
                if isinstance(value, Sequence)
                else Mapping(value.items, exact=bool(value.items), text=name)
            )
        if isinstance(value, Setting) and name in needed_by(module.tree):
            value = Setting(value.name, Const(...), value.labels, value.text)
        if (
            isinstance(value, Unknown)
            and value.labels == _DRAWN
            and lexicon.is_credential_name(name)
        ):
            value = Unknown(frozenset({"secret"}), name, truthy=True)  # `PIN = randrange(10 ** 6)`
        self.globals[key] = value
        if isinstance(value, Mapping):
            # What a message is looked up in decides what is done; the rest has only its share of the work.
            if not value.items and (
                self.mode == "member"
                or (self.mode == "anonymous" and self.stage == Stage.MESSAGE)
                or lexicon.concerns_identity(name)
                or any(may_let_in(one) for one in self.fillers(module, name))
            ):
                self.filled_in(module, name, value)
            self.stated(module, name, value)
        elif isinstance(value, Sequence) and not value.items and lexicon.concerns_identity(name):
            self.told_in(module, name, value)
            self.appended(module, name, value)
        elif isinstance(value, Instance) and value.shared and self.mode != "origin":
            self.handed(bound.value, name, value.info)
        return value

    def _put_there(self, module: Module, name: str) -> Value:
        """Return the object that a function sets for None: `global config`, `config = Config(parser)`."""
        put = self.hierarchy.rebindings(module, name)
        configures = lexicon.is_setting_chain([name]) and self.mode != "origin"
        if configures and len(put) == 1 and isinstance(put[0], ast.Call):
            made = self.in_place(module, put[0])
            if isinstance(made, Instance) and not made.handler:
                made.shared = True
                return made
        return Unknown(text=name)


_SWITCHES = frozenset({"feature", "features", "flag", "flags", "switches", "toggles"})
"""Words of tables that turn parts of a program on and off."""
_DRAWN = frozenset({"drawn"})
_BUILTINS = frozenset(dir(builtins))


def edited(table: Mapping, name: str) -> None:
    """Return the shipped content of a table that a module makes: the switches are settings.

    An entry under a connection, or under a value known only by its words, was added later.
    """
    for key, one in table.items.items():
        if isinstance(key, tuple):
            continue
        text = f"{name}[{key!r}]"
        if isinstance(one, Mapping):
            edited(one, text)
        elif (
            isinstance(one, Const)
            and (one.value is None or isinstance(one.value, bool | str))
            and lexicon.concerns_identity(text)
        ):
            table.items[key] = Setting(text, one, text=text)


def _as_settings(value: Mapping, name: str) -> Mapping:
    """`CONFIG = {"auth": {"enabled": False}}`: the operator may edit it."""
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


def _bound(meaning: Meaning | External) -> ast.AST | None:
    """The statement or the value that a name is bound to."""
    match meaning:
        case Meaning(_, Defined(node)):
            return node
        case Meaning(_, Assigned(value)):
            return value
        case _:
            return None


def _hangs_on_an_import(module: Module, found: list[Meaning | External]) -> bool:
    """Return True if a name tells that an import succeeded, which depends on the installation.

    `try: import pam; HAS_PAM = True` and `except ImportError: HAS_PAM = False`.
    """
    flags = [one for one in map(_bound, found) if isinstance(one, ast.Constant)]
    if len(flags) != len(found) or {one.value for one in flags} != {True, False}:
        return False
    return any(
        _holds_any(handler, flags)
        for one in module.tree.body
        if isinstance(one, ast.Try)
        and any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in one.body)
        for handler in one.handlers
    )


def _holds_any(statement: ast.AST, sought: list[ast.Constant]) -> bool:
    return any(node is one for node in ast.walk(statement) for one in sought)


def _is_fallback(found: list[Meaning | External]) -> bool:
    return any(isinstance(one, Meaning) for one in found)
