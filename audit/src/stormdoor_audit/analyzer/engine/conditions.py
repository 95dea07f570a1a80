"""Conditions: the states in which a register has a truth value, with the values of other registers there."""

from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.analyzer.engine.containers import SIZE, is_possible
from stormdoor_audit.analyzer.engine.context import Context, Step
from stormdoor_audit.analyzer.engine.settings import as_data
from stormdoor_audit.analyzer.engine.state import PropertyState, Store
from stormdoor_audit.analyzer.engine.values import (
    FALSE,
    TRUE,
    Atom,
    Const,
    Ext,
    Obj,
    Opaque,
    Value,
    answered,
    const,
    join,
    label_of,
    may_be,
    none_only,
    opaque,
    origins,
)
from stormdoor_audit.analyzer.frontend import ir

__all__ = ["Definitions", "assume", "parts"]

Definitions = dict[int, ir.Operation]
"""The operation that gives each register of a body its value."""

_NOT_EMPTY = frozenset(
    {
        ("==", True, True),
        ("!=", False, True),
        (">", True, True),
        (">", True, False),
        (">=", True, True),
        ("<", False, True),
        ("==", False, False),
        ("!=", True, False),
    }
)
"""Operator, truth, and whether the number is positive."""
_SETTING = "setting "
_MOST_FACTS = 6
_NONE_TESTS = {"is": True, "==": True, "is not": False, "!=": False}


def parts(
    ctx: Context, value: Value, at: PropertyState, atoms: Value | None = None
) -> Iterator[tuple[PropertyState, Value]]:
    """Split a tested value into answers of checks and other atoms.

    Args:
        ctx: The execution; settings that decide are noted there.
        value: The atoms with the tested truth.
        at: The property state before.
        atoms: All atoms of the tested value.
    """
    tested = value if atoms is None else atoms
    names = frozenset(name for name in origins(tested) if name.startswith(_SETTING))
    ctx.settings |= names
    ctx.tested = names or ctx.tested
    asked = frozenset(one for one in value if answered(one))
    other = value - asked
    if asked:
        yield at._replace(asked=True), asked
    if other:
        yield at, other


def assume(
    step: Step, register: int, definitions: Definitions, *, wanted: bool
) -> list[tuple[PropertyState, Store]]:
    """Return the states behind a test of a register."""
    ctx, at, store = step.ctx, step.at, step.store
    value = store.get(register)
    operation = definitions.get(register)
    if isinstance(operation, ir.Unary) and operation.operator == "Not":
        found = assume(step, operation.value, definitions, wanted=not wanted)
        return _decided(found, register, value, at, wanted=wanted)
    if isinstance(operation, ir.Compare):
        found = _compared(step, operation, definitions, wanted=wanted)
        return _decided(found, register, value, at, wanted=wanted)
    value = _with_settings(ctx, value)
    holding = frozenset(one for one in value if is_possible(one, store, truth=wanted))
    result = []
    for state, atoms in parts(ctx, holding, at, value):
        narrowed = frozenset(_with_truth(one, wanted=wanted) for one in atoms)
        made = _refined(store, register, value, narrowed, definitions)
        _with_size(narrowed, made, wanted=wanted)
        result.append((state, made))
    return result


def _with_settings(ctx: Context, value: Value) -> Value:
    """Return a tested value with names of unread modules as settings with an unknown value."""
    result: list[Value] = []
    for one in as_data(ctx, value):
        if (
            isinstance(one, Ext)
            and "." in one.name
            and not one.name.rpartition(".")[2][:1].isupper()
        ) or (isinstance(one, Ext) and one.name.rpartition(".")[2].isupper()):
            label = f"{_SETTING}{one.name}"
            result.append(ctx.chosen.get(label) or opaque(frozenset({label})))
        else:
            result.append(frozenset({one}))
    return join(*result)


def _decided(
    found: list[tuple[PropertyState, Store]],
    register: int,
    value: Value,
    at: PropertyState,
    *,
    wanted: bool,
) -> list[tuple[PropertyState, Store]]:
    """Give the tested register itself the truth that it has in each state."""
    holding = frozenset(one for one in value if may_be(one, truth=wanted))
    for state, made in found:
        asked = frozenset(one for one in holding if answered(one))
        part = asked if state.asked and not at.asked else holding - asked
        made.set(register, frozenset(_with_truth(one, wanted=wanted) for one in part or holding))
    return found


def _with_size(value: Value, store: Store, *, wanted: bool) -> None:
    """Note that a tested container is empty or not."""
    only = next(iter(value), None)
    if len(value) == 1 and isinstance(only, Obj) and only.cell.kind != "object":
        store.put(only.cell, SIZE, const(1 if wanted else 0))


def _with_truth(atom: Atom, *, wanted: bool) -> Atom:
    if isinstance(atom, Opaque):
        return replace(atom, truth=TRUE if wanted else FALSE)
    return atom


def _refined(
    store: Store, register: int, before: Value, after: Value, definitions: Definitions
) -> Store:
    """Return the store in which a register, and the variable or attribute behind it, has fewer atoms."""
    made = store.fork()
    while True:
        made.set(register, after)
        operation = definitions.get(register)
        if isinstance(operation, ir.Load):
            if made.get(operation.name) == before:
                made.set(operation.name, after)
            return made
        if isinstance(operation, ir.GetAttribute):
            for holder in made.get(operation.of):
                cell = getattr(holder, "cell", None)
                if cell is not None and made.read(cell, operation.name) == before:
                    made.put(cell, operation.name, after)
            return made
        if isinstance(operation, ir.Unary) and operation.operator == "Copy":
            register = operation.value
            continue
        return made


def _compared(
    step: Step, operation: ir.Compare, definitions: Definitions, *, wanted: bool
) -> list[tuple[PropertyState, Store]]:
    ctx, at, store = step.ctx, step.at, step.store
    left, right = store.get(operation.left), store.get(operation.right)
    if operation.operator in _NONE_TESTS and _is_none(right):
        is_none = _NONE_TESTS[operation.operator] is wanted
        holding = frozenset(one for one in left if none_only(one) in (None, is_none))
        return [
            (
                state,
                _refined(
                    store, operation.left, left, _as_none(atoms, is_none=is_none), definitions
                ),
            )
            for state, atoms in parts(ctx, holding, at, left)
        ]
    value = store.get(operation.to)
    measured = _with_items(operation, right, definitions, wanted=wanted)
    if measured >= 0:
        store = store.fork()
        _with_size(store.get(measured), store, wanted=True)
    holding = frozenset(one for one in value if may_be(one, truth=wanted))
    result = []
    for state, atoms in parts(ctx, holding, at, value):
        decided = any(answered(one) for one in atoms)
        state_after = state if decided else _with_fact(operation, left, right, state, wanted=wanted)
        if state_after is not None:
            result.append((state_after, _equal(operation, store, definitions, wanted=wanted)))
    return result


def _with_items(
    operation: ir.Compare, right: Value, definitions: Definitions, *, wanted: bool
) -> int:
    """Return the register of the container of `len` that a comparison says is not empty, or -1."""
    call = definitions.get(operation.left)
    if not isinstance(call, ir.Call) or len(call.arguments) != 1:
        return -1
    function = definitions.get(call.function)
    only = next(iter(right), None)
    if not (isinstance(function, ir.Load) and function.name == "len" and isinstance(only, Const)):
        return -1
    number = only.value if isinstance(only.value, int) else 0
    holds = (operation.operator, wanted, number > 0) in _NOT_EMPTY
    return call.arguments[0] if holds else -1


def _is_none(value: Value) -> bool:
    return bool(value) and all(isinstance(one, Const) and one.value is None for one in value)


def _as_none(atoms: Value, *, is_none: bool) -> Value:
    return frozenset(
        replace(one, truth=FALSE if is_none else one.truth) if isinstance(one, Opaque) else one
        for one in atoms
    )


def _equal(operation: ir.Compare, store: Store, definitions: Definitions, *, wanted: bool) -> Store:
    """Return the store in which both sides of `==` have the constants that they share."""
    if (operation.operator, wanted) not in {("==", True), ("!=", False), ("is", True)}:
        return store.fork()
    left, right = store.get(operation.left), store.get(operation.right)
    if all(isinstance(one, Const) for one in right) and len(right) == 1:
        (only,) = right
        kept = frozenset(
            one
            for one in left
            if not isinstance(one, Const) or one.value == getattr(only, "value", None)
        )
        return _refined(store, operation.left, left, kept or left, definitions)
    return store.fork()


def _with_fact(
    operation: ir.Compare, left: Value, right: Value, at: PropertyState, *, wanted: bool
) -> PropertyState | None:
    """Return the state with the decided kind of a message; None if it contradicts an earlier decision."""
    label = label_of(left)
    only = next(iter(right), None)
    if (
        not label
        or len(right) != 1
        or not isinstance(only, Const)
        or operation.operator not in {"==", "!="}
    ):
        return at
    holds = wanted is (operation.operator == "==")
    fact = (label, only.value, holds)
    for name, value, truth in at.facts:
        if name == label and (
            (value == only.value and truth is not holds)
            or (truth and holds and value != only.value)
        ):
            return None
    if holds:
        kept = frozenset(one for one in at.facts if one[0] != label)
        return at._replace(facts=kept | {fact})
    if any(name == label and truth for name, _, truth in at.facts):
        return at
    if len(at.facts) >= _MOST_FACTS:
        return at
    return at._replace(facts=at.facts | {fact})
