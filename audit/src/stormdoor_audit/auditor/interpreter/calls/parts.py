"""Parts of the program that a text names: `import_string("auth.Tokens")`, `BACKENDS[options.auth]`.

If a setting has the text, the part is a setting too: the operator may choose another.
"""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.calls.libraries import Libraries
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Instance,
    Mapping,
    ModuleRef,
    Named,
    Sequence,
    Setting,
    Value,
    settled,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Imported
from stormdoor_audit.auditor.reading.project import Meaning

__all__ = ["Parts", "named_attribute", "part_of"]

_MODULES = frozenset({"import_module", "__import__"})
_LOADS = frozenset({"load", "import", "locate", "resolve", "lookup"})
_MAX_METHODS = 48
_OBJECTS = words("by class dotted from item name object path string symbol")
"""`import_string`, `load_class`, `resolve_name`: what stands after the verb."""


class Parts(Libraries):
    """Modules and classes by their dotted names, entries of tables by a setting."""

    def named_call(
        self, function: Named, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """A call of something outside the project; one that loads a part of it gives that part."""
        part = self._loaded(function.name, args, node) or self._listed(function.name, args, node)
        return super().named_call(function, args, words, node) if part is None else part

    def _listed(self, name: str, args: list[Value], node: ast.AST) -> Value | None:
        """`dir(self)`, `inspect.getmembers(self)`: its own methods, of which some are marked."""
        match name, args:
            case "dir" | "inspect.getmembers", [(Instance() | ClassRef()) as holder, *_] if (
                holder is self.frame.receiver
            ):
                names = _methods_of(holder.info)
            case _:
                return None
        if name == "dir":
            return Sequence([Const(one) for one in names])
        return Sequence(
            [Sequence([Const(one), self.attribute(holder, one, node)], "tuple") for one in names]
        )

    def _loaded(self, name: str, args: list[Value], node: ast.AST) -> Value | None:
        named = args[0] if args else None
        text = settled(named)
        if named is None or not isinstance(text, Const) or not isinstance(text.value, str):
            return None
        last = name.rpartition(".")[2]
        part: Value | None = None
        if last in _MODULES:
            part = self._module_at(text.value)
        elif last in {"locate", "import_item"} or _loads(last):
            part = self._object_at(text.value, node)
        return None if part is None else part_of(named, part)

    def _module_at(self, dotted: str) -> ModuleRef | None:
        if not all(one.isidentifier() for one in dotted.split(".")):
            return None
        found = self.project.follow(self.frame.module, Imported(dotted, 0, None))
        if isinstance(found, Meaning) and found.binding is None:
            return ModuleRef(found.module, text=dotted)
        return None

    def _object_at(self, dotted: str, node: ast.AST) -> Value | None:
        path, _, name = dotted.replace(":", ".").rpartition(".")
        holder = self._module_at(path) if path else None
        if holder is None or not self.project.members(holder.module, name):
            return None
        return self.module_attribute(holder.module, name, node)

    def item(self, value: Value, index: Value, node: ast.AST) -> Value:
        """An item; of a table by a setting, the entry that is used as shipped."""
        if isinstance(value, Mapping) and isinstance(index, Setting):
            entry = self.entry(value, index)
            if entry is not None:
                return entry
        return super().item(value, index, node)

    def _container_method(
        self, receiver: Mapping | Sequence, name: str, args: list[Value], node: ast.AST
    ) -> Value:
        """A method of a container; `BACKENDS.get(options.auth, Everybody)` is what is used as shipped."""
        if (
            name == "get"
            and isinstance(receiver, Mapping)
            and args
            and isinstance(args[0], Setting)
        ):
            entry = self.entry(receiver, args[0])
            if entry is None and len(args) > 1 and receiver.exact and settled(args[0]) is not None:
                entry = part_of(args[0], args[1])
            if entry is not None:
                return entry
        return super()._container_method(receiver, name, args, node)

    def entry(self, table: Mapping, key: Setting) -> Value | None:
        """Return the shipped entry of a table for a key that is a setting; None if it is unknown."""
        name = settled(key)
        if not isinstance(name, Const) or not isinstance(name.value, str | int | None):
            return None
        found = table.items.get(name.value)
        return None if found is None else part_of(key, found)


def part_of(key: Value, part: Value) -> Value:
    """A part of the program that `key` names: a setting, if the key is one."""
    if not isinstance(key, Setting) or isinstance(part, Setting):
        return part
    return Setting(key.name, part, key.labels, key.text)


def named_attribute(holder: Value, name: Value) -> tuple[Value, str, Setting] | None:
    """Of `getattr(module, options.backend)`: where to look, under which name, and what picks it."""
    text = settled(name)
    picks = next((one for one in (name, holder) if isinstance(one, Setting)), None)
    place = settled(holder)
    if picks is None or not isinstance(text, Const) or not isinstance(text.value, str):
        return None
    if not isinstance(place, ModuleRef | ClassRef | Instance):
        return None
    return place, text.value, picks


def _methods_of(info: ClassInfo) -> list[str]:
    """The names of the methods of a class that were read; properties are none."""
    named = {
        one.name
        for base in info.mro
        if isinstance(base, ClassInfo)
        for one in base.node.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and not one.name.startswith("__")
        and not any("property" in ast.unparse(by) for by in one.decorator_list)
    }
    return sorted(named)[:_MAX_METHODS]


def _loads(name: str) -> bool:
    words = lexicon.words_of(name)
    return len(words) > 1 and words[0] in _LOADS and bool(_OBJECTS & set(words[1:]))
