"""Python's builtin functions on abstract values."""

from collections.abc import Callable
from dataclasses import replace

from stormdoor_audit.analyzer.engine import calls_of_types
from stormdoor_audit.analyzer.engine.constants import computed
from stormdoor_audit.analyzer.engine.containers import (
    SIZE,
    add_item,
    copy_items,
    fill,
    items_of,
    keys_of,
    may_be_empty,
    remove_item,
)
from stormdoor_audit.analyzer.engine.context import Action, Arguments, Context, Invocation, Result
from stormdoor_audit.analyzer.engine.state import PropertyState, Store
from stormdoor_audit.analyzer.engine.values import (
    EITHER,
    NONE,
    TRUE,
    Const,
    Obj,
    Opaque,
    Value,
    Wrapped,
    answered,
    const,
    join,
    label_of,
    may_be,
    opaque,
    origins,
)

__all__ = ["TABLE"]


def _all_or_any(call: Invocation, *, every: bool) -> Result:
    """`all` and `any`: loops that end at the first item that decides."""
    source, store = call.given.at(0), call.store
    items = items_of(source, store)
    result: list[Value] = []
    if may_be_empty(source, store):
        result.append(const(every))
    for one in items:
        result.extend(
            const(truth, answer=answered(one))
            for truth in (True, False)
            if may_be(one, truth=truth)
        )
    return call.gives(join(*result) if result else opaque())


def _all(call: Invocation) -> Result:
    return _all_or_any(call, every=True)


def _any(call: Invocation) -> Result:
    return _all_or_any(call, every=False)


def _len(call: Invocation) -> Result:
    value = call.given.at(0)
    found = computed(len, value)
    if found is None:
        for one in value:
            if isinstance(one, Obj):
                size = call.store.read(one.cell, SIZE)
                known = len(keys_of(frozenset({one}), call.store))
                if size and not call.store.read(one.cell, "<items>") and len(value) == 1:
                    return call.gives(const(known))
                truth = EITHER if may_be_empty(frozenset({one}), call.store) else TRUE
                return call.gives(opaque(origins(value), truth=truth, kind=SIZE))
        found = opaque(origins(value) or frozenset({"server"}))
    return call.gives(found)


def _convert(function: Callable[..., object]) -> Action:
    def convert(call: Invocation) -> Result:
        if not call.given.positional:
            return call.gives(const(function()))
        value = call.given.at(0)
        result: list[Value] = []
        for one in value:
            alone: Value = frozenset({one})
            if isinstance(one, Const):
                found = computed(function, alone, *call.given.positional[1:])
                if found is None:
                    kind = "TypeError" if one.value is None else "ValueError"
                    call.fail(kind, asked=one.answer)
                elif found is not None:
                    result.append(found)
            elif isinstance(one, Opaque):
                if one.answer and function in (int, float):
                    call.fail("TypeError", asked=True)
                    continue
                truth = one.truth if function is bool or one.answer else EITHER
                result.append(opaque(one.origin, one.label, answer=one.answer, truth=truth))
            elif function is bool:
                result.append(_truth_of(one, call.store))
            else:
                result.append(opaque())
        return call.gives(join(*result)) if result else []

    return convert


def _truth_of(one: object, store: Store) -> Value:
    if isinstance(one, Obj) and one.cell.kind != "object":
        size = store.read(one.cell, SIZE)
        return (
            frozenset(Const(bool(getattr(item, "value", 1)), kind="bool") for item in size)
            or opaque()
        )
    return const(True)


def _container(kind: str) -> Action:
    def build(call: Invocation) -> Result:
        cell = call.ctx.cell(kind, "call", call.ctx.line, call.ctx.scope)
        made: Value = frozenset({Obj(cell)})
        source = call.given.at(0)
        if source == made:
            return call.gives(made)
        fill(call.store, cell, {})
        if kind == "dict":
            copy_items(call.store, source, made)
            for word, value in call.given.words:
                add_item(call.store, made, value, const(word))
        elif source:
            items = items_of(source, call.store)
            if items:
                add_item(call.store, made, items)
            if may_be_empty(source, call.store):
                remove_item(call.store, made, frozenset())
        return call.gives(made)

    return build


def _enumerate(call: Invocation) -> Result:
    parts = [items_of(one, call.store) for one in call.given.positional]
    return _tuples(call.ctx, [opaque(), *parts[:1]], call.given.positional, call.at, call.store)


def _zip(call: Invocation) -> Result:
    parts = [items_of(one, call.store) for one in call.given.positional]
    return _tuples(call.ctx, parts, call.given.positional, call.at, call.store)


def _tuples(
    ctx: Context,
    parts: list[Value],
    sources: tuple[Value, ...],
    at: PropertyState,
    store: Store,
) -> Result:
    pair = ctx.cell("tuple", "row", ctx.line, ctx.scope)
    fill(store, pair, dict(enumerate(parts)))
    cell = ctx.cell("list", "rows", ctx.line, ctx.scope)
    empty = any(may_be_empty(one, store) for one in sources)
    if all(parts):
        fill(store, cell, {0: frozenset({Obj(pair)})})
        if empty:
            remove_item(store, frozenset({Obj(cell)}), frozenset())
    else:
        fill(store, cell, {})
    return [(at, store, frozenset({Obj(cell)}))]


def _map(call: Invocation) -> Result:
    sources = call.given.positional[1:]
    items = tuple(items_of(one, call.store) for one in sources)
    cell = call.ctx.cell("list", "map", call.ctx.line, call.ctx.scope)
    fill(call.store, cell, {})
    made: Value = frozenset({Obj(cell)})
    result: Result = []
    empty = any(may_be_empty(one, call.store) for one in sources)
    for state, after, value in call.call(call.given.at(0), Arguments(items)):
        add_item(after, made, value)
        if empty:
            remove_item(after, made, frozenset())
        result.append((state, after, made))
    return result


def _filter(call: Invocation) -> Result:
    items = items_of(call.given.at(1), call.store)
    cell = call.ctx.cell("list", "filter", call.ctx.line, call.ctx.scope)
    fill(call.store, cell, {}, items)
    return call.gives(frozenset({Obj(cell)}))


def _first(call: Invocation) -> Result:
    """`next`: an item, or the default, or StopIteration."""
    source = call.given.at(0)
    items = items_of(source, call.store)
    if not may_be_empty(source, call.store):
        return call.gives(items)
    if len(call.given.positional) > 1:
        return call.gives(join(items, call.given.at(1)))
    call.fail("StopIteration")
    return [(call.at, call.store, items)] if items else []


def _same(call: Invocation) -> Result:
    """`sorted`, `reversed`, `iter`: the same items."""
    value = call.given.at(0)
    if any(isinstance(one, Obj) for one in value):
        return _container("list")(replace(call, given=call.given._replace(words=())))
    return call.gives(value)


def _extreme(call: Invocation) -> Result:
    values = (
        call.given.positional
        if len(call.given.positional) > 1
        else (items_of(call.given.at(0), call.store),)
    )
    return call.gives(join(*values) or opaque())


def _unknown(call: Invocation) -> Result:
    value = join(*call.given.all)
    return [
        (
            call.at,
            call.store,
            opaque(origins(value) or frozenset({"server"}), label_of(value)),
        )
    ]


def _nothing(call: Invocation) -> Result:
    return call.gives(NONE)


def _wrapped(how: str) -> Action:
    def wrap(call: Invocation) -> Result:
        return call.gives(frozenset({Wrapped(how, call.given.at(0))}))

    return wrap


TABLE: dict[str, Action] = {
    "<identity>": lambda call: call.gives(call.given.at(0)),
    "all": _all,
    "any": _any,
    "bool": _convert(bool),
    "bytes": _unknown,
    "classmethod": _wrapped("classmethod"),
    "dict": _container("dict"),
    "enumerate": _enumerate,
    "filter": _filter,
    "float": _convert(float),
    "frozenset": _container("set"),
    "int": _convert(int),
    "iter": _same,
    "len": _len,
    "list": _container("list"),
    "map": _map,
    "max": _extreme,
    "min": _extreme,
    "next": _first,
    "print": _nothing,
    "property": _wrapped("property"),
    "reversed": _same,
    "set": _container("set"),
    "sorted": _same,
    "staticmethod": _wrapped("staticmethod"),
    "str": _convert(str),
    "tuple": _container("tuple"),
    "zip": _zip,
    **calls_of_types.TABLE,
    **dict.fromkeys(
        [
            "abs",
            "bin",
            "bytearray",
            "chr",
            "divmod",
            "format",
            "hash",
            "hex",
            "id",
            "oct",
            "open",
            "ord",
            "pow",
            "range",
            "repr",
            "round",
            "sum",
            "vars",
            "dir",
            "input",
        ],
        _unknown,
    ),
}
