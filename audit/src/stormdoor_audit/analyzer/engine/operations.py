"""Operations without control flow: names, attributes, items, containers, operators."""

from collections.abc import Callable
from typing import Any

from stormdoor_audit.analyzer.engine import attributes
from stormdoor_audit.analyzer.engine.comparisons import compare, name_of
from stormdoor_audit.analyzer.engine.constants import compute, plain
from stormdoor_audit.analyzer.engine.containers import (
    ITEMS,
    add_item,
    copy_items,
    fill,
    is_possible,
    items_of,
    look_up,
    mark_written,
    remove_item,
    sequence_of,
)
from stormdoor_audit.analyzer.engine.context import Arguments, Result, Step
from stormdoor_audit.analyzer.engine.names import assign, lookup, named
from stormdoor_audit.analyzer.engine.settings import setting
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    NONE,
    SERVER,
    Bound,
    Const,
    Ext,
    Func,
    Obj,
    Opaque,
    Value,
    answered,
    const,
    join,
    label_of,
    labels,
    opaque,
    origins,
    text_of,
)
from stormdoor_audit.analyzer.engine.words import is_credential
from stormdoor_audit.analyzer.frontend import ir

__all__ = ["OPERATIONS"]

Operation = Callable[[Step, Any], Result]


def _const(step: Step, op: ir.Const) -> Result:
    return step.gives(opaque() if op.value is ... else const(op.value))


def _load(step: Step, op: ir.Load) -> Result:
    return step.gives(lookup(step.ctx, op.name, step.store))


def _store(step: Step, op: ir.Store) -> Result:
    value = named(step.store.get(op.value), op.name)
    assign(step.ctx, op.name, value, step.store)
    for one in value:
        if isinstance(one, Obj):
            step.ctx.names.setdefault(one.cell, op.name)
    return step.gives(value)


def _get_attribute(step: Step, op: ir.GetAttribute) -> Result:
    return step.attribute(step.store.get(op.of), op.name)


def _set_attribute(step: Step, op: ir.SetAttribute) -> Result:
    value = step.store.get(op.value)
    attributes.put(step, step.store.get(op.of), op.name, value)
    for one in value:
        if isinstance(one, Obj):
            step.ctx.names.setdefault(one.cell, op.name)
    return step.gives(value)


def _is_look_up(one: object, key: Value) -> bool:
    """Return True for a client's credential in a table that was not read: it is not there."""
    if not isinstance(one, Opaque) or one.answer or "client" in one.origin:
        return False
    return "client" in origins(key) and any(map(is_credential, labels(key)))


def _get_item(step: Step, op: ir.GetItem) -> Result:
    key = step.store.get(op.key)
    found: list[Value] = []
    result: Result = []
    for one in step.store.get(op.of):
        if isinstance(one, Obj) and one.cell.kind == "object":
            method = step.attribute(frozenset({one}), "__getitem__")
            for state, made, value in method:
                result.extend(step.ctx.call(value, Arguments((key,)), state, made, step.flow))
        elif isinstance(one, Obj):
            items, missing, asked = look_up(one.cell, key, step.store, name_of(step.ctx, one))
            found.append(items)
            if missing and one.cell.base == "settings":
                found.append(setting(step.ctx, text_of(key), opaque()))
            elif missing and one.cell.kind == "dict":
                step.fail("KeyError", asked=asked)
        elif _is_look_up(one, key):
            step.ctx.note("check", step.at)
            step.fail("KeyError", asked=True)
        else:
            item, exits = _item_of_plain(step, one, key)
            found.append(item)
            result.extend(exits)
    value = join(*found)
    if value:
        result.append((step.at, step.store, value))
    return result


def _item_of_plain(step: Step, one: object, key: Value) -> tuple[Value, Result]:
    """Return the item of a constant or of a value that is not known, and the exits of a modelled look-up."""
    if isinstance(one, Opaque) and not one.answer:
        model = step.ctx.models.member(one.kind, "__getitem__")
        if model is not None:
            method: Value = frozenset({Bound(Ext(model.name), one)})
            return frozenset(), step.call(method, Arguments((key,)))
        part = next((str(k.value) for k in key if isinstance(k, Const)), "")
        label = f"{one.label}.{part}" if one.label and part else one.label
        return opaque(one.origin, part if is_credential(part) else label), []
    if isinstance(one, Const) and one.value is not None:
        item = compute("item", frozenset({one}), key)
        if item is not None or not (plain(key) and isinstance(one.value, str | bytes | tuple)):
            return item or opaque(one.origin), []
        step.fail("IndexError", asked=one.answer)
        return frozenset(), []
    step.fail("TypeError", asked=isinstance(one, Opaque | Const) and one.answer)
    return frozenset(), []


def _set_item(step: Step, op: ir.SetItem) -> Result:
    holder, key = step.store.get(op.of), step.store.get(op.key)
    changed = _modelled(step, holder, "__setitem__", key, step.store.get(op.value))
    if changed is not None:
        return changed
    add_item(step.store, holder, step.store.get(op.value), key)
    for one in holder:
        if isinstance(one, Obj):
            mark_written(step, one)
    if any(isinstance(one, Obj) and one.cell not in step.ctx.own for one in holder):
        step.ctx.note("store", step.at)
    elif any(isinstance(one, Opaque) for one in holder):
        step.ctx.note("act", step.at)
    return step.gives(NONE)


def _delete(step: Step, op: ir.Delete) -> Result:
    holder, key = step.store.get(op.of), step.store.get(op.key)
    changed = _modelled(step, holder, "__delitem__", key)
    if changed is not None:
        return changed
    remove_item(step.store, holder, key)
    return step.gives(NONE)


def _modelled(step: Step, holder: Value, name: str, *given: Value) -> Result | None:
    """Change an item of one object of a library that has a model for it; None of another value."""
    only = next(iter(holder), None)
    if len(holder) != 1 or not isinstance(only, Opaque):
        return None
    model = step.ctx.models.member(only.kind, name)
    if model is None:
        return None
    return step.call(frozenset({Bound(Ext(model.name), only)}), Arguments(given))


def _build(step: Step, op: ir.Build) -> Result:
    parts = [step.store.get(one) for one in op.parts]
    if op.kind == "text":
        return step.gives(_text(parts))
    if op.kind == "slice":
        return step.gives(opaque(origins(join(*parts)) or frozenset({"server"})))
    cell = step.ctx.cell(op.kind, op, step.ctx.scope)
    made: Value = frozenset({Obj(cell)})
    if op.kind == "dict":
        fill(step.store, cell, {})
        for key, value in zip(op.keys, parts, strict=True):
            if key < 0:
                copy_items(step.store, value, made)
            else:
                add_item(step.store, made, value, step.store.get(key))
        return step.gives(made)
    if op.kind == "set":
        keys = {k.value: const(k.value) for one in parts for k in plain(one) or []}
        rest = join(*(one for one in parts if plain(one) is None))
        fill(step.store, cell, dict(keys), rest)
        return step.gives(made)
    plain_parts = [one for number, one in enumerate(parts) if number not in op.spread]
    spread = [one for number, one in enumerate(parts) if number in op.spread]
    fill(
        step.store,
        cell,
        dict(enumerate(plain_parts)),
        join(*(items_of(one, step.store) for one in spread)),
    )
    return step.gives(made)


def _text(parts: list[Value]) -> Value:
    """Return the text of the parts of an f-string."""
    made: Value | None = const("")
    for one in parts:
        made = compute("Add", made, _as_text(one)) if made is not None else None
    if made is not None:
        return made
    every = join(*parts)
    return opaque(origins(every) or frozenset({"server"}), label_of(every))


def _as_text(value: Value) -> Value:
    return frozenset(
        Const(str(one.value), one.origin, one.answer, "str") if isinstance(one, Const) else one
        for one in value
    )


def _unpack(step: Step, op: ir.Unpack) -> Result:
    value = step.store.get(op.value)
    usable = frozenset(one for one in value if not _is_nothing(one))
    for one in value - usable:
        step.fail("TypeError", asked=answered(one))
    if not usable:
        return []
    every = items_of(usable, step.store)
    for number, register in enumerate(op.into):
        exact = [
            step.store.read(one.cell, ("key", number)) - ABSENT
            if isinstance(one, Obj) and one.cell.kind in {"tuple", "list"}
            else frozenset()
            for one in usable
        ]
        step.store.set(register, join(*exact) if op.star < 0 and all(exact) else every or opaque())
    return step.gives(NONE)


def _is_nothing(one: object) -> bool:
    return (isinstance(one, Const) and one.value is None) or (
        isinstance(one, Opaque) and one.answer
    )


def _unary(step: Step, op: ir.Unary) -> Result:
    value = step.store.get(op.value)
    if op.operator == "Copy":
        return step.gives(value)
    if op.operator == "Not":
        result = [
            const(not truth, answer=answered(one))
            for one in value
            for truth in (True, False)
            if is_possible(one, step.store, truth=truth)
        ]
        return step.gives(join(*result) if result else opaque())
    if op.operator in {"Any", "Part"}:
        return [
            (
                step.at,
                step.store,
                opaque(origins(value) or frozenset({"server"}), label_of(value)),
            )
        ]
    return step.gives(compute(op.operator, value) or opaque(origins(value)))


def _binary(step: Step, op: ir.Binary) -> Result:
    left, right = step.store.get(op.left), step.store.get(op.right)
    found = compute(op.operator, left, right)
    if found is not None:
        return step.gives(found)
    if op.operator in {"Add", "BitOr"} and any(isinstance(one, Obj) for one in left):
        cell = step.ctx.cell("list", "sum", op, step.ctx.scope)
        made: Value = frozenset({Obj(cell)})
        fill(
            step.store,
            cell,
            {},
            join(items_of(left, step.store), items_of(right, step.store)),
        )
        return step.gives(made)
    every = join(left, right)
    prefix = [one.value for one in left if isinstance(one, Const) and isinstance(one.value, str)]
    if op.operator == "Add" and len(prefix) == 1 and len(left) == 1:
        where = origins(every) or SERVER
        return [
            (
                step.at,
                step.store,
                opaque(where, label_of(right), kind=f"prefix {prefix[0]}"),
            )
        ]
    if any(isinstance(one, Const) and one.value is None and one.answer for one in every):
        step.fail("TypeError", asked=True)
        return []
    return [
        (
            step.at,
            step.store,
            opaque(origins(every) or frozenset({"server"}), label_of(every)),
        )
    ]


def _await(step: Step, op: ir.Await) -> Result:
    return step.ctx.await_(step.store.get(op.value), step.at, step.store, step.flow)


def _yield(step: Step, op: ir.Yield) -> Result:
    value = step.store.get(op.value)
    step.ctx.scope.note("<yield>", value)
    return step.ctx.await_(value, step.at, step.store, step.flow)


def _call(step: Step, op: ir.Call) -> Result:
    positional: list[Value] = []
    rest: Value = frozenset()
    for number, register in enumerate(op.arguments):
        value = step.store.get(register)
        if number not in op.spread:
            positional.append(value)
            continue
        known = sequence_of(value, step.store)
        if known is None:
            rest = join(rest, items_of(value, step.store))
        else:
            positional.extend(known)
    words: list[tuple[str, Value]] = []
    more: Value = frozenset()
    for name, register in op.words:
        if name:
            words.append((name, step.store.get(register)))
        else:
            more = join(more, step.store.get(register))
    words += _spread_words(more, step.store)
    if _is_known(more, step.store):
        more = frozenset()
    given = Arguments(tuple(positional), tuple(words), rest, more)
    before, step.ctx.discarded = step.ctx.discarded, op.discarded
    try:
        return step.call(step.store.get(op.function), given)
    finally:
        step.ctx.discarded = before


def _is_known(more: Value, store: Store) -> bool:
    """Return True if a mapping has constant keys alone."""
    only = next(iter(more), None)
    return (
        len(more) == 1
        and isinstance(only, Obj)
        and only.cell.kind == "dict"
        and not store.read(only.cell, ITEMS) - ABSENT
    )


def _spread_words(more: Value, store: Store) -> list[tuple[str, Value]]:
    only = next(iter(more), None)
    if len(more) != 1 or not isinstance(only, Obj):
        return []
    return [
        (str(key[1]), value - ABSENT)
        for key, value in store.content(only.cell).items()
        if isinstance(key, tuple) and value - ABSENT
    ]


def _function(step: Step, op: ir.Function) -> Result:
    defaults = tuple(step.store.get(one) for one in op.parameters.defaults)
    only = tuple(step.store.get(one) if one >= 0 else None for _, one in op.parameters.only)
    made = Func(op.code, op.parameters, step.ctx.scope, defaults, only)
    return step.gives(frozenset({made}))


OPERATIONS: dict[type[ir.Operation], Operation] = {
    ir.Await: _await,
    ir.Binary: _binary,
    ir.Build: _build,
    ir.Call: _call,
    ir.Compare: compare,
    ir.Const: _const,
    ir.Delete: _delete,
    ir.Function: _function,
    ir.GetAttribute: _get_attribute,
    ir.GetItem: _get_item,
    ir.Load: _load,
    ir.SetAttribute: _set_attribute,
    ir.SetItem: _set_item,
    ir.Store: _store,
    ir.Unary: _unary,
    ir.Unpack: _unpack,
    ir.Yield: _yield,
}
"""The operations that have only normal and exceptional exits."""
