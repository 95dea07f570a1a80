"""Members of enumerations: each stands for its value, and knows its name."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.classinfo import Member as ClassMember
from stormdoor_audit.auditor.interpreter.calls.members import Members, is_enumeration
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Mapping,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.reading.module import Assigned
from stormdoor_audit.auditor.reading.nodes import last_called

__all__ = ["Enumerations"]


class Enumerations(Members):
    """Enumerations of which a value, or a name, is a member."""

    def _construct(
        self, function: ClassRef, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """`Kind(message["type"])` is the member with this value, which is that value here."""
        if len(args) != 1 or words or not is_enumeration(function.info):
            return super()._construct(function, args, words, node)
        match args[0]:
            case Const(value=value):
                for _, member in self._members(function.info):
                    if isinstance(member, Const) and member.value == value:
                        return member
            case Unknown(labels=labels, part=part) as said if "client" in labels:
                if "ValueError" in self.expected and self.choose(node, 2):
                    raise Thrown("ValueError", node, self.frame.module)
                labels = (labels - {"credential", "somebody"}) | {"named"}
                return Unknown(labels, text_of(said), present=True, part=part or said)
            case _:
                pass
        return super()._construct(function, args, words, node)

    def item(self, value: Value, index: Value, node: ast.AST) -> Value:
        """`Kind[message["type"]]` is one of the members, by their names."""
        if isinstance(value, ClassRef) and is_enumeration(value.info):
            named: dict[object, Value] = dict(self._members(value.info))
            if isinstance(index, Const) and index.value in named:
                return named[index.value]
            if "client" in labels_of(index) and named:
                return self.picked(Mapping(named), index, node)
        return super().item(value, index, node)

    def items_of(self, value: Value, limit: int) -> list[Value]:
        """`for one in Kind`: all that there are."""
        if isinstance(value, ClassRef) and is_enumeration(value.info):
            found = [one for _, one in self._members(value.info)]
            return found[:limit] or super().items_of(value, limit)
        return super().items_of(value, limit)

    def member_named(self, info: ClassInfo, name: str, value: Value) -> Value:
        """Return a member of an enumeration; `auto()` counts, from any start."""
        if isinstance(value, Const) and not value.text:
            return Const(value.value, value.labels, f"{info.name}.{name}")
        match self.hierarchy.members(info).get(name):
            case [*_, Assigned(value=ast.Call() as given)] if last_called(given) == "auto":
                at = list(self.hierarchy.members(info)).index(name)
                return Const(1 << at, text=f"{info.name}.{name}")
            case _:
                return value

    def _members(self, info: ClassInfo) -> Iterator[tuple[str, Value]]:
        for name, bindings in self.hierarchy.members(info).items():
            if isinstance(bindings[-1], Assigned) and not name.startswith("_"):
                value = self.member_value(ClassMember(info, bindings[-1]), info)
                yield name, self.member_named(info, name, value)
