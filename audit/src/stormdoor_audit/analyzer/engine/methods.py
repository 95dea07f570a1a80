"""Methods of containers and constants of the program."""

from collections.abc import Callable

from stormdoor_audit.analyzer.engine.constants import computed, method_of_constant
from stormdoor_audit.analyzer.engine.containers import (
    PARTS,
    SCHEME,
    SIZE,
    add_item,
    copy_items,
    fill,
    items_of,
    keys_of,
    look_up,
    mark_written,
    may_be_empty,
    remove_item,
)
from stormdoor_audit.analyzer.engine.context import Context, Invocation, Result
from stormdoor_audit.analyzer.engine.natives import NATIVE
from stormdoor_audit.analyzer.engine.settings import setting
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    FALSE,
    NONE,
    SERVER,
    TEXT,
    Const,
    Obj,
    Opaque,
    Value,
    answered,
    const,
    join,
    label_of,
    opaque,
    origins,
    text_of,
)
from stormdoor_audit.analyzer.engine.words import is_credential

__all__ = ["of_constant", "of_container", "of_object", "of_text"]

_TESTS = frozenset({"startswith", "endswith", "removeprefix"})
_MADE = frozenset({"format", "join"})
"""Methods of text that give a text with their arguments in it."""
_PATTERN = frozenset({"match", "fullmatch", "search"})


def of_container(call: Invocation) -> Result | None:
    """Call a method of a list, dictionary or set; None if the method is not known."""
    if not isinstance(call.owner, Obj):
        return None
    for names, method in _OF_CONTAINER:
        if call.name in names:
            return method(call, call.owner)
    return None


def _add(call: Invocation, owner: Obj) -> Result:
    add_item(call.store, frozenset({owner}), call.given.at(1 if call.name == "insert" else 0))
    _note(call, owner)
    return call.gives(NONE)


def _remove(call: Invocation, owner: Obj) -> Result:
    held: Value = frozenset({owner})
    remove_item(call.store, held, call.given.at(0))
    return call.gives(items_of(held, call.store) if "pop" in call.name else NONE)


def _extend(call: Invocation, owner: Obj) -> Result:
    held: Value = frozenset({owner})
    for one in call.given.positional:
        copy_items(call.store, one, held)
    for word, value in call.given.words:
        add_item(call.store, held, value, const(word))
    _note(call, owner)
    return call.gives(NONE)


def _copy(call: Invocation, owner: Obj) -> Result:
    return call.gives(_copied(call.ctx, call.name, owner, call.store))


def _is_subset(call: Invocation, owner: Obj) -> Result:
    """An empty set is a subset of each; the answer about an item is that of a look-up."""
    empty = may_be_empty(frozenset({owner}), call.store)
    return call.gives(join(const(False, answer=True), const(True) if empty else frozenset()))


def _number(call: Invocation, _: Obj) -> Result:
    return call.gives(opaque())


def _note(call: Invocation, owner: Obj) -> None:
    mark_written(call, owner)
    if owner.cell.kind != "tuple" and owner.cell not in call.ctx.own:
        call.ctx.note("join" if call.ctx.handler is not None else "store", call.at)


def _copied(ctx: Context, name: str, owner: Obj, store: Store) -> Value:
    """Return a view of a dictionary, or a copy of a container."""
    cell = ctx.cell("list" if name != "copy" else owner.cell.kind, name, ctx.line, owner)
    held: Value = frozenset({owner})
    if name == "copy":
        fill(store, cell, {})
        copy_items(store, held, frozenset({Obj(cell)}))
        return frozenset({Obj(cell)})
    keys = [const(one) for one in keys_of(held, store)]
    values = [store.read(owner.cell, ("key", one)) for one in keys_of(held, store)]
    rest = store.read(owner.cell, "<items>")
    if name == "values":
        items, more = values, rest
    elif name == "keys":
        items, more = keys, opaque() if rest else frozenset()
    else:
        items, more = [], frozenset()
        for number, (key, value) in enumerate(
            [*zip(keys, values, strict=True), *([(opaque(), rest)] if rest else [])]
        ):
            pair = ctx.cell("tuple", "pair", ctx.line, owner, number)
            fill(store, pair, {0: key, 1: value})
            items.append(frozenset({Obj(pair)}))
    fill(store, cell, dict(enumerate(items)), more)
    if may_be_empty(held, store):
        remove_item(store, frozenset({Obj(cell)}), frozenset())
    return frozenset({Obj(cell)})


def _look_up(call: Invocation, owner: Obj) -> Result:
    """`get`, `pop` and `setdefault`: the item, or the default if the key may be missing."""
    ctx, store, name = call.ctx, call.store, call.name
    if name == "pop" and owner.cell.kind != "dict":
        remove_item(store, frozenset({owner}), frozenset())
        return call.gives(items_of(frozenset({owner}), store))
    key = call.given.at(0)
    found, missing, asked = look_up(owner.cell, key, store, ctx.names.get(owner.cell, ""))
    has_default = len(call.given.positional) > 1 or name == "get"
    default = call.given.at(1, "default") or NONE
    if name == "setdefault":
        add_item(store, frozenset({owner}), default, key)
        _note(call, owner)
    if missing and not has_default:
        call.fail("KeyError", asked=asked)
        missing = False
    value = join(found, _default(call, owner, key, default, asked=asked)) if missing else found
    return call.gives(value) if value else []


def _default(call: Invocation, owner: Obj, key: Value, default: Value, *, asked: bool) -> Value:
    """Return the default of a look-up: of a setting its shipped value, behind a check its answer."""
    if owner.cell.base == "settings":
        default = setting(call.ctx, text_of(key), default)
    if not asked:
        return default
    return frozenset(
        Const(one.value, one.origin, True, one.kind) if isinstance(one, Const) else one
        for one in default
    )


_OF_CONTAINER: tuple[tuple[frozenset[str], Callable[[Invocation, Obj], Result]], ...] = (
    (frozenset({"append", "add", "appendleft", "insert", "put", "put_nowait", "push"}), _add),
    (frozenset({"remove", "discard", "clear", "popitem", "popleft"}), _remove),
    (frozenset({"extend", "update", "extendleft"}), _extend),
    (frozenset({"get", "pop", "setdefault", "__getitem__"}), _look_up),
    (frozenset({"copy", "values", "keys", "items"}), _copy),
    (frozenset({"index", "count"}), _number),
    (frozenset({"issubset"}), _is_subset),
)


def of_constant(call: Invocation) -> Result | None:
    """Call a method of text, bytes, a number or a compiled pattern."""
    if not isinstance(call.owner, Const):
        return None
    held: Value = frozenset({call.owner})
    arguments = tuple(_as_constant(one, call.store) for one in call.given.positional)
    if call.name in _PATTERN and isinstance(call.owner.value, str):
        found = computed(NATIVE[call.name], held, *arguments)
    else:
        found = method_of_constant(call.name, held, arguments)
    if found is None and call.name in _MADE and isinstance(call.owner.value, str):
        made = join(*(items_of(one, call.store) for one in call.given.positional), *call.given.all)
        if not any(answered(one) for one in made):
            found = opaque(origins(made) or SERVER, label_of(made), kind=TEXT)
    return call.gives(found) if found is not None else None


def of_text(call: Invocation) -> Result | None:
    """Call a method of text of which only the provenance is known.

    A part of a client's text, and a test of it, proves nothing. `startswith` with a secret of the server is a
    comparison with it; the other way around the client sends an empty text.
    """
    owner = call.owner
    if not isinstance(owner, Opaque):
        return None
    given = join(*call.given.all)
    if any(answered(one) for one in given):
        return call.gives(opaque(owner.origin, owner.label, answer=True, truth=FALSE))
    secret = is_credential(owner.label) and "client" in owner.origin
    if call.name in _TESTS and secret and SERVER & origins(given):
        call.ctx.note("check", call.at)
        return call.gives(const(False, answer=True))
    where = owner.origin | origins(given)
    if call.name in {"split", "rsplit", "splitlines", "partition", "rpartition"}:
        return call.gives(_parts(call, owner, opaque(where, owner.label)))
    return call.gives(opaque(where, owner.label))


def _parts(call: Invocation, owner: Opaque, part: Value) -> Value:
    """Return the parts of a text: the first of several that a blank divides is the kind of the others."""
    cell = call.ctx.cell("list", "parts", call.ctx.line, owner, base=PARTS)
    divided = call.name != "rpartition" and text_of(call.given.at(0)) in {"", " "}
    kind = opaque(owner.origin, f"{SCHEME}{owner.label}", kind=TEXT)
    first = kind if divided and call.name != "splitlines" else part
    fill(call.store, cell, {0: first, 1: part, 2: part}, part)
    call.store.put(cell, SIZE, const(1))
    return frozenset({Obj(cell)})


def _as_constant(value: Value, store: Store) -> Value:
    """Return a tuple of constants as one constant."""
    only = next(iter(value), None)
    if len(value) != 1 or not isinstance(only, Obj) or only.cell.kind not in {"tuple", "list"}:
        return value
    items: list[object] = []
    for key in keys_of(value, store):
        found = store.read(only.cell, ("key", key))
        item = next(iter(found), None) if len(found) == 1 else None
        if not isinstance(item, Const):
            return value
        items.append(item.value)
    return const(tuple(items))


def of_object(call: Invocation) -> Result | None:
    """Call a method that `object` has."""
    return call.gives(NONE)
