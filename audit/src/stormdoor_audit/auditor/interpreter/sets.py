"""Unions, intersections and comparisons of sets of texts that stand in the source."""

import ast

from stormdoor_audit.auditor.interpreter.values import Const, Sequence, Unknown, Value, labels_of

__all__ = ["combined", "compared", "method_of"]

_BY_NAME = {
    "difference": ast.Sub,
    "intersection": ast.BitAnd,
    "union": ast.BitOr,
}


def combined(left: Value, op: ast.operator, right: Value) -> Value | None:
    """`left & right` and its kin, where both are known, or where the answer is known from one."""
    if not isinstance(op, ast.BitAnd | ast.BitOr | ast.Sub | ast.BitXor):
        return None
    one, other = _held(left), _held(right)
    if one is None or other is None:
        if isinstance(op, ast.Sub) and one is not None and _is_the_servers(left, right):
            return left  # a list that cannot be read here does not hold the attacker's values
        return None
    match op:
        case ast.BitAnd():
            kept = [value for value in one if value in other]
        case ast.Sub():
            kept = [value for value in one if value not in other]
        case ast.BitXor():
            kept = [value for value in one if value not in other]
            kept += [value for value in other if value not in one]
        case _:
            kept = list(dict.fromkeys([*one, *other]))
    labels = labels_of(left, right)
    return Sequence([Const(value, labels) for value in kept], "set")


def compared(left: Value, op: ast.cmpop, right: Value) -> Const | None:
    """`left <= right` of two known sets; None where they are none."""
    if not (_is_set(left) and _is_set(right)):
        return None
    one, other = _held(left), _held(right)
    if one is None or other is None:
        return None
    labels = labels_of(left, right)
    match op:
        case ast.LtE():
            return Const(set(one) <= set(other), labels)
        case ast.GtE():
            return Const(set(one) >= set(other), labels)
        case ast.Lt():
            return Const(set(one) < set(other), labels)
        case ast.Gt():
            return Const(set(one) > set(other), labels)
        case ast.Eq():
            return Const(set(one) == set(other), labels)
        case ast.NotEq():
            return Const(set(one) != set(other), labels)
        case _:
            return None


def method_of(receiver: Value, name: str, args: list[Value]) -> Value | None:
    """A method of a set that is known."""
    if len(args) != 1:
        return None
    other = args[0]
    if name in _BY_NAME:
        return combined(receiver, _BY_NAME[name](), other)
    mine, theirs = _held(receiver), _held(other)
    if mine is None or theirs is None:
        return None
    labels = labels_of(receiver, other)
    match name:
        case "isdisjoint":
            return Const(not set(mine) & set(theirs), labels)
        case "issubset":
            return Const(set(mine) <= set(theirs), labels)
        case "issuperset":
            return Const(set(mine) >= set(theirs), labels)
        case _:
            return None


def _is_set(value: Value) -> bool:
    return isinstance(value, Sequence) and value.kind in {"set", "frozenset"}


def _held(value: Value) -> list[object] | None:
    """The constants that it holds, and nothing else."""
    if isinstance(value, Const) and isinstance(value.value, tuple):
        return list(value.value)
    if not isinstance(value, Sequence) or not value.exact:
        return None
    held = [one.value for one in value.items if isinstance(one, Const)]
    return held if len(held) == len(value.items) and all(map(_hashable, held)) else None


def _hashable(value: object) -> bool:
    return isinstance(value, str | bytes | int | float | bool | None)


def _is_the_servers(left: Value, right: Value) -> bool:
    labels = labels_of(right)
    return (
        isinstance(right, Unknown)
        and "origin" in labels_of(left)
        and not labels & {"client", "origin"}
    )
