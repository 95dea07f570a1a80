"""Operators and formatted strings."""

import ast
import operator
import re
from collections.abc import Callable

from stormdoor_audit.auditor.interpreter.expressions.items import Items
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.pieces import is_secret, named_after_nobody
from stormdoor_audit.auditor.interpreter.sets import combined
from stormdoor_audit.auditor.interpreter.tables import is_own, merged
from stormdoor_audit.auditor.interpreter.told import made_of
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Labels,
    Mapping,
    Member,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    settled,
    text_of,
)

__all__ = ["Operators", "of_bits", "turned"]

_MAX_FIXED = 60
_MAX_FORMAT = 400
_MAX_TEXT = 4096
_OF_BITS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


class Operators(Items):
    """Arithmetic, negation, joined strings."""

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            match value:
                case Const() | Nobody() | Unknown(truthy=bool()):
                    return turned(value)
                case Setting():
                    default = self.truth_of_default(value)
                    return Setting(
                        f"not ({value.name})", Const(not default) if default is not None else None
                    )
                case Sequence(exact=True) | Mapping(exact=True):
                    return Const(not value.items)
                case Unknown() | Sequence() | Mapping() | Special() | Member():
                    return Const(not self.truth(value, node), labels_of(value))
                case _:
                    return Const(value=False)
        if (
            isinstance(value, Const)
            and isinstance(value.value, int | float)
            and isinstance(node.op, ast.USub)
        ):
            return Const(-value.value)
        number = settled(value)
        if (
            isinstance(value, Setting)
            and isinstance(number, Const)
            and isinstance(number.value, int)
            and isinstance(node.op, ast.USub)
        ):
            return Setting(f"-({value.name})", Const(-number.value), text=value.text)
        return Unknown(labels_of(value), text_of(value))

    def _joined(self, node: ast.JoinedStr) -> Value:
        parts: list[Value] = [self.evaluate(part) for part in node.values]
        if all(isinstance(part, Const) for part in parts):
            text = "".join(str(part.value) for part in parts if isinstance(part, Const))
            return Const(text[:_MAX_TEXT], labels_of(*parts))
        nobody = self.after_nobody(parts, node)
        if nobody is not None:
            return nobody
        return Unknown(
            _with_secrets(parts) - {"setting"},
            self.frame.module.source(node),
            truthy=True,
            part=made_of(parts),
        )

    def after_nobody(self, parts: list[Value], node: ast.AST) -> Nobody | None:
        """Text made of an absent user: it is true, and names no user, as `str(None)` does."""
        nobody = named_after_nobody(parts)
        if nobody is None:
            return None
        return Nobody(nobody.text, node, self.frame.module, True, presumed=nobody.presumed)

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        labels = labels_of(left, right)
        if isinstance(left, Const) and isinstance(right, Const):
            a, b = left.value, right.value
            try:
                if isinstance(node.op, ast.Add) and isinstance(a, str) and isinstance(b, str):
                    return Const((a + b)[:_MAX_TEXT], labels)
                if isinstance(node.op, ast.Mod) and isinstance(a, str) and _plain_format(a):
                    return Const((a % b)[:_MAX_TEXT] if _small(b) else a, labels)
                if isinstance(a, int) and isinstance(b, int) and abs(a) < 2**40 and abs(b) < 2**40:
                    if isinstance(node.op, ast.Add):
                        return Const(a + b)
                    if isinstance(node.op, ast.Sub):
                        return Const(a - b)
                    if isinstance(node.op, ast.Mult):
                        return Const(a * b)
                    if type(node.op) in _OF_BITS:
                        return of_bits(left, node.op, right)
                    if isinstance(node.op, ast.FloorDiv) and b:
                        return Const(a // b)
                    if isinstance(node.op, ast.Mod) and b:
                        return Const(a % b)
            except (TypeError, ValueError):
                return Unknown(labels)
        if isinstance(node.op, ast.Add) and self.mode == "anonymous":
            self._refuse_none_added(left, right, node)
        if isinstance(node.op, ast.Mod) or _is_a_text(left) or _is_a_text(right):
            nobody = self.after_nobody([left, right], node)
            if nobody is not None:
                return nobody
        configured = self._of_setting(left, node, right)
        if configured is not None:
            return configured
        if isinstance(node.op, ast.Mod) and isinstance(left, Const) and isinstance(right, Sequence):
            values = [item.value for item in right.items if isinstance(item, Const)]
            if (
                len(values) == len(right.items)
                and isinstance(left.value, str)
                and _small(values)
                and _plain_format(left.value)
            ):
                try:
                    return Const((left.value % tuple(values))[:_MAX_TEXT], labels)
                except (TypeError, ValueError):
                    return Unknown(labels)
        if self.mode == "member" and isinstance(node.op, ast.BitAnd):
            own = next((one for one in (left, right) if is_own(one)), None)
            if own is not None:  # any object that it names is the user's
                marks = {one for one in labels_of(left, right) if one.startswith("@")}
                return Unknown(labels_of(own) | marks, text_of(own))
        made = combined(left, node.op, right)
        if made is not None:
            return made
        if (
            isinstance(node.op, ast.Add | ast.BitOr)
            and isinstance(left, Sequence)
            and isinstance(right, Sequence)
        ):
            return Sequence([*left.items, *right.items], left.kind, left.exact and right.exact)
        if (
            isinstance(node.op, ast.BitOr)
            and isinstance(left, Mapping)
            and isinstance(right, Mapping)
        ):
            return merged(left, right)
        return Unknown(
            _with_secrets([left, right]) - {"setting"} if "client" in labels else labels,
            self._source_of_sum(left, right, node),
            truthy=True if _has_words(left, node.op) or _has_words(right, node.op) else None,
            part=made_of([left, *right.items] if isinstance(right, Sequence) else [left, right]),
        )

    def _source_of_sum(self, left: Value, right: Value, node: ast.BinOp) -> str:
        """The source, with the texts that names stand for in their place: `BASE + data["name"]`."""
        if "client" not in labels_of(left, right):
            return self.frame.module.source(node)
        if isinstance(node.op, ast.Mod) and isinstance(left, Const) and isinstance(left.value, str):
            return f"{left.value[:_MAX_FORMAT]!r} % {self.frame.module.source(node.right)}"
        if not isinstance(node.op, ast.Add):
            return self.frame.module.source(node)
        parts: list[str] = []
        for value, part in ((left, node.left), (right, node.right)):
            shipped = settled(value)
            fixed = shipped.value if isinstance(shipped, Const) else None
            source = self.frame.module.source(part)
            parts.append(repr(fixed[:_MAX_FIXED]) if isinstance(fixed, str) else source)
        return " + ".join(parts)

    def _refuse_none_added(self, left: Value, right: Value, node: ast.BinOp) -> None:
        """`"user:" + self.get_secure_cookie("name")`: nothing is added to None.

        Raises:
            Thrown: It is None for this client.
        """
        for one in (left, right):
            if isinstance(one, Nobody) and one.certain:
                self.check(node, one.text, presumed=one.presumed)
                raise Thrown("TypeError", node, self.frame.module, check=True)

    def _of_setting(self, left: Value, node: ast.BinOp, right: Value) -> Setting | None:
        """`"_create_" + engine`, `"auth.%s" % backend`: a text that a setting is a part of, as shipped."""
        match node.op, left, right:
            case ast.Add() | ast.Mod(), Const(value=str() as text), Setting() as setting:
                told = settled(setting)
                shipped = told.value if isinstance(told, Const) else None
                made = text + str(shipped) if isinstance(node.op, ast.Add) else ""
                if isinstance(node.op, ast.Mod) and text.count("%") == text.count("%s") == 1:
                    made = text.replace("%s", str(shipped))
            case ast.Add(), Setting() as setting, Const(value=str() as text):
                told = settled(setting)
                shipped = told.value if isinstance(told, Const) else None
                made = str(shipped) + text
            case _:
                return None
        if not isinstance(shipped, str) or not shipped or not made:
            return None
        return Setting(setting.name, Const(made[:_MAX_TEXT]), setting.labels, setting.text)


def _is_a_text(value: Value) -> bool:
    shipped = settled(value)
    return isinstance(shipped, Const) and isinstance(shipped.value, str)


_PLACES = re.compile(r"%[-+ #0]*[\d.*]*[a-zA-Z]|%\(\w+\)[a-zA-Z]")


def _has_words(part: Value, op: ast.operator) -> bool:
    """Return True if a composed text contains this, among other parts: `"guest-%d" % number`."""
    if not isinstance(part, Const) or not isinstance(part.value, str):
        return False
    return isinstance(op, ast.Add | ast.Mod) and bool(_PLACES.sub("", part.value))


def turned(value: Value) -> Value:
    """Return the negation, where no choice is needed."""
    match value:
        case Const():
            return Const(not value.value, value.labels)
        case Nobody():
            return Nobody(
                value.text,
                value.node,
                value.module,
                truthy=not value.truthy,
                presumed=value.presumed,
            )
        case Setting(default=Const(value=default)):
            return Setting(f"not ({value.name})", Const(not default))
        case Setting():
            return Setting(f"not ({value.name})", None)
        case Unknown(truthy=bool() as known):
            return Const(not known, value.labels)
        case _:
            return Unknown(labels_of(value), f"not ({text_of(value)})")


def of_bits(left: Const, op: ast.operator, right: Const) -> Value:
    """`FLAGS | ADMIN` of two numbers."""
    a, b = left.value, right.value
    if type(op) in _OF_BITS and isinstance(a, int) and isinstance(b, int):
        return Const(_OF_BITS[type(op)](a, b))
    return Unknown(labels_of(left, right))


def _with_secrets(parts: list[Value]) -> Labels:
    """The labels of what is put together, with a secret told from what only stands beside it."""
    labels = labels_of(*parts)
    return labels | {"secret"} if any(map(is_secret, parts)) else labels


def _plain_format(text: str) -> bool:
    """A width in a format can ask for any amount of memory."""
    return len(text) < _MAX_TEXT and re.search(r"%[^a-zA-Z%]*(\*|\d{3,})", text) is None


def _small(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) < 20 and all(_small(one) for one in value)
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) < 500)
