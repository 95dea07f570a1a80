"""Comparisons: of constants, with secrets, with None, and membership."""

from typing import Any

from stormdoor_audit.analyzer.engine.constants import compute, plain
from stormdoor_audit.analyzer.engine.containers import (
    SCHEME,
    SIZE,
    WRITTEN,
    items_of,
    look_up,
    sequence_of,
)
from stormdoor_audit.analyzer.engine.context import Context, Result, Step
from stormdoor_audit.analyzer.engine.settings import as_data
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    NONE,
    SERVER,
    TEXT,
    TRUE,
    Cls,
    Const,
    Func,
    Module,
    Obj,
    Opaque,
    Value,
    answered,
    const,
    join,
    label_of,
    labels,
    none_only,
    opaque,
    origins,
)
from stormdoor_audit.analyzer.engine.words import is_credential
from stormdoor_audit.analyzer.frontend import ir

__all__ = ["compare", "name_of"]


def name_of(ctx: Context, atom: Obj) -> str:
    """Return the name of a container in the source."""
    return ctx.names.get(atom.cell, "")


_EQUALITY = frozenset({"==", "!=", "is", "is not"})


def compare(step: Step, op: ir.Compare) -> Result:
    """Compare two values: the result may be the answer of a check."""
    left = as_data(step.ctx, step.store.get(op.left))
    right = as_data(step.ctx, step.store.get(op.right))
    if op.operator in {"in", "not in"}:
        return step.gives(_contains(step.ctx, op, left, right, step.store))
    found = compute(op.operator, left, right)
    if found is None:
        found = _inverted(step.ctx, op.operator, left, right)
    if found is not None:
        return step.gives(found)
    result: list[Value] = []
    for one in left:
        result.extend(_compared(op.operator, one, other, step.store) for other in right)
    if any(answered(item) for item in join(*result)):
        step.ctx.note("check", step.at)
    return step.gives(join(*result) if result else opaque())


def _inverted(ctx: Context, operator: str, left: Value, right: Value) -> Value | None:
    """Return the result with another value of a setting: not that with the shipped value."""
    names = [name for name in origins(left) if name in ctx.chosen]
    if len(names) != 1 or not all(isinstance(one, Opaque) for one in left):
        return None
    shipped = compute(operator, ctx.shipped.get(names[0], NONE), right)
    if shipped is None or len(shipped) != 1:
        return None
    (only,) = shipped
    return const(not getattr(only, "value", False), frozenset(names))


def _compared(operator: str, one: Any, other: Any, store: Store) -> Value:
    alone, beside = frozenset({one}), frozenset({other})
    found = compute(operator, alone, beside)
    if found is not None:
        return found
    if isinstance(one, Obj) and isinstance(other, Obj) and operator in {"==", "!="}:
        return _each_compared(operator, alone, beside, store)
    sized = _of_size(operator, one, other)
    if sized:
        return sized
    negative = operator in {"!=", "is not"}
    if isinstance(one, Cls | Func | Module) and isinstance(other, Cls | Func | Module):
        return const((one == other) is not negative) if operator in _EQUALITY else opaque()
    if answered(one) or answered(other):
        return const(_answer_to(one, other, negative=negative), answer=True)
    if operator not in _EQUALITY:
        return opaque(origins(alone | beside) or SERVER, label_of(alone))
    if _is_hostile(one, other) or _is_hostile(other, one):
        return const(negative)
    secret = any(map(is_credential, labels(alone | beside))) or "secret" in {
        getattr(one, "kind", ""),
        getattr(other, "kind", ""),
    }
    if _is_scheme(one, other) or _is_scheme(other, one):
        return opaque(origins(alone | beside), label_of(alone))
    if _differ(one, other):
        return const(negative, answer=secret)
    sides = {"client" in origins(alone), "client" in origins(beside)}
    blank = any(isinstance(a, Const) and a.value in (None, "", b"") for a in (one, other))
    if sides == {True, False} and secret and not blank:
        return const(negative, answer=True)
    if isinstance(other, Const) and other.value is None and none_only(one) is False:
        return const(negative)
    return opaque(origins(alone | beside) or SERVER, label_of(alone))


def _each_compared(operator: str, left: Value, right: Value, store: Store) -> Value:
    """Compare two sequences: they differ if an item does, also if that is the answer of a check."""
    ones, others = sequence_of(left, store), sequence_of(right, store)
    if ones is None or others is None or len(ones) != len(others):
        return const(operator == "==") if left == right else opaque()
    results = [
        join(*(_compared("==", one, other, store) for one in first for other in second))
        for first, second in zip(ones, others, strict=True)
    ]
    if any(
        one and all(answered(a) and not getattr(a, "value", True) for a in one) for one in results
    ):
        return const(operator == "!=", answer=True)
    return opaque()


def _answer_to(one: Any, other: Any, *, negative: bool) -> bool:
    """Return the result of comparing with the negative answer of a check: it is equal to None alone."""
    for first, second in ((one, other), (other, one)):
        if answered(first) and isinstance(second, Const) and second.value is None:
            return not negative
    return negative


def _is_scheme(one: Any, other: Any) -> bool:
    """Return True for the first part of a header, and a word: the name of a scheme is no secret."""
    return (
        isinstance(one, Opaque)
        and one.label.startswith(SCHEME)
        and isinstance(other, Const)
        and isinstance(other.value, str)
        and other.value.strip().isalpha()
    )


def _is_hostile(one: Any, other: Any) -> bool:
    """Return True for a chosen origin and a value of the server that is not known: they are not equal."""
    return (
        isinstance(one, Const)
        and "origin" in one.origin
        and isinstance(other, Opaque)
        and not {"client", "origin"} & other.origin
    )


def _differ(one: Any, other: Any) -> bool:
    """Return True if one side is surely empty and the other surely not."""
    for first, second in ((one, other), (other, one)):
        empty = isinstance(first, Const) and not first.value
        if empty and isinstance(second, Opaque) and second.truth == TRUE:
            return True
    return False


def _contains(ctx: Context, op: ir.Compare, left: Value, right: Value, store: Store) -> Value:
    negative = op.operator == "not in"
    result: list[Value] = []
    for one in right:
        if isinstance(one, Obj) and one.cell.kind != "object":
            result.append(_member(ctx, left, one, store, negative=negative))
            continue
        found = compute(op.operator, left, frozenset({one}))
        if found is not None:
            result.append(found)
        elif any(answered(a) for a in (*left, one)) or (
            not _is_text(one)
            and "client" in origins(left)
            and "client" not in origins(frozenset({one}))
            and any(map(is_credential, labels(left)))
        ):
            result.append(const(negative, answer=True))
        else:
            result.append(opaque(origins(left | {one}) or frozenset({"server"})))
    return join(*result) if result else opaque()


_POSITIVE = {
    (">", 0): True,
    (">=", 0): True,
    (">=", 1): True,
    ("!=", 0): True,
    ("<", 0): False,
    ("<", 1): False,
    ("<=", 0): False,
    ("==", 0): False,
}
"""Comparisons of a positive number that have one result."""


def _of_size(operator: str, one: Any, other: Any) -> Value:
    """Return the comparison of the size of a container that is not empty with 0 or 1."""
    known = isinstance(one, Opaque) and one.kind == SIZE and one.truth == TRUE
    if not known or not isinstance(other, Const) or not isinstance(other.value, int):
        return frozenset()
    answer = _POSITIVE.get((operator, other.value))
    return const(answer, one.origin | other.origin) if answer is not None else frozenset()


def _is_text(one: Any) -> bool:
    """Return True if an atom is text: an empty text of the client is part of it."""
    return isinstance(one, Const) or (isinstance(one, Opaque) and one.kind == TEXT)


def _member(ctx: Context, left: Value, one: Obj, store: Store, *, negative: bool) -> Value:
    """Return whether a value is in a container."""
    if one.cell.kind == "dict":
        found, missing, asked = look_up(one.cell, left, store, name_of(ctx, one))
        there = bool(found)
    else:
        there, missing, asked = _among(ctx, left, one, store)
    if there and missing and not asked and plain(left) is None:
        return opaque(origins(left | items_of(frozenset({one}), store)) or SERVER)
    result = []
    if there:
        result.append(const(not negative))
    if missing or not there:
        result.append(const(negative, answer=asked))
    return join(*result)


def _among(ctx: Context, left: Value, one: Obj, store: Store) -> tuple[bool, bool, bool]:
    """Return whether a value may be an item, may be none, and whether that is the answer of a check."""
    items = items_of(frozenset({one}), store)
    constants, given = plain(items), plain(left)
    if constants is not None and given is not None:
        known = {item.value for item in constants}
        inside = [item.value in known for item in given]
        return any(inside), not all(inside), any(item.answer for item in given)
    if any(answered(item) for item in left):
        return False, True, True
    if "client" not in origins(left):
        return bool(items), True, False
    secret = any(map(is_credential, (name_of(ctx, one), *labels(left))))
    theirs = bool(store.read(one.cell, WRITTEN)) or any(
        "client" in origins(frozenset({item})) for item in items
    )
    if secret:
        return theirs, True, not theirs
    return True, True, False
