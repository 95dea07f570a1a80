"""Functions of Python that take functions, and operators as functions, on what is known."""

import ast

from stormdoor_audit.auditor.connection.picks import Picks
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Mapping,
    Sequence,
    Setting,
    Value,
    settled,
)

__all__ = ["Functional"]

_MAX_ITEMS = 24
_OPERATORS: dict[str, type[ast.cmpop]] = {
    "eq": ast.Eq,
    "ge": ast.GtE,
    "gt": ast.Gt,
    "is_": ast.Is,
    "is_not": ast.IsNot,
    "le": ast.LtE,
    "lt": ast.Lt,
    "ne": ast.NotEq,
}


class Functional(Picks):
    """`next`, `filter`, `reduce`, `operator.contains`."""

    def library_call(
        self, name: str, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call of one of them; None of anything else."""
        match name, args:
            case "next", [Sequence(items=items, exact=True), *rest] if items or rest:
                return items[0] if items else rest[0]
            case "filter", [_, source] if self.mode == "origin":
                return self._filtered(args[0], source, node)
            case (
                ("functools.reduce" | "reduce"),
                [function, Sequence(items=items, exact=True), *rest],
            ):
                return self._reduced(function, [*rest[:1], *items], node)
            case "len", [held] if (many := _length(held)) is not None:
                return many
            case "operator.contains", [holder, one]:
                return self.compare(one, ast.In(), holder, node)
            case _, [left, right] if name.startswith("operator.") and name[9:] in _OPERATORS:
                return self.compare(left, _OPERATORS[name[9:]](), right, node)
            case _:
                return None

    def _filtered(self, function: Value, source: Value, node: ast.AST) -> Value | None:
        """Those that a function says yes to; of a setting as shipped."""
        shipped = settled(self.as_shipped(source))
        if (
            not isinstance(shipped, Sequence)
            or not shipped.exact
            or len(shipped.items) > _MAX_ITEMS
        ):
            return None
        kept: list[Value] = []
        for one in shipped.items:
            answer = self.call(function, [one], {}, node)
            if not isinstance(answer, Const):
                return None
            if answer.value:
                kept.append(one)
        made = Sequence(kept, "list")
        return Setting(source.name, made) if isinstance(source, Setting) else made

    def _reduced(self, function: Value, items: list[Value], node: ast.AST) -> Value | None:
        if not items or len(items) > _MAX_ITEMS:
            return None
        result = items[0]
        for one in items[1:]:
            result = self.call(function, [result, one], {}, node)
        return result


def _length(value: Value) -> Value | None:
    """Return the shipped number of items that a module lists."""
    held = settled(value)
    if not isinstance(held, Sequence | Mapping) or not held.exact:
        return None
    many = Const(len(held.items))
    if isinstance(value, Setting):
        return Setting(f"len({value.name})", many, text=value.text)
    return many if held.items and held.text.isupper() else None
