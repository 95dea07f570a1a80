"""Containers on the heap: items by constant key, items under other keys, emptiness.

The cell of a container has `("key", k)` for each constant key, `ITEMS` for items under other keys,
and `SIZE`: the constants 0 (may be empty) and 1 (may have an item). A table that a client's key is
looked up in gives an answer of a check unless an item under other keys can be that client's.
"""

from collections.abc import Hashable, Iterator

from stormdoor_audit.analyzer.engine.context import Context, Step
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    Atom,
    Cell,
    Const,
    Obj,
    Opaque,
    Value,
    answered,
    const,
    join,
    labels,
    may_be,
    opaque,
    origins,
)
from stormdoor_audit.analyzer.engine.words import is_credential

__all__ = [
    "GENERATOR",
    "ITEMS",
    "PARTS",
    "SCHEME",
    "SIZE",
    "WRITTEN",
    "add_item",
    "contents_of",
    "copy_items",
    "fill",
    "is_possible",
    "items_of",
    "keys_of",
    "look_up",
    "mark_written",
    "may_be_empty",
    "of_items",
    "remove_item",
    "sequence_of",
]

GENERATOR = "<generator>"
"""Base of the cell of an iterator, which is true also without items."""
PARTS = "<parts>"
"""Base of the cell of the parts of a text, of which the first one has a meaning of its own."""
SCHEME = "scheme of "
"""Beginning of the label of such a part: a word that it is compared with is no secret."""
ITEMS = "<items>"
WRITTEN = "<written>"
"""Key of a mark: an unauthenticated client can cause that an item is added."""
SIZE = "<size>"
_KEYS = 40
_EMPTY, _SOME = const(0), const(1)


def fill(store: Store, cell: Cell, items: dict[Hashable, Value], rest: Value = frozenset()) -> None:
    """Make the content of a new container."""
    store.forget(cell)
    if len(items) > _KEYS:
        rest, items = join(rest, *items.values()), {}
    for key, value in items.items():
        store.put(cell, ("key", key), value)
    if rest:
        store.put(cell, ITEMS, rest)
    store.put(cell, SIZE, _SOME if items else join(_EMPTY, _SOME) if rest else _EMPTY)


def of_items(ctx: Context, store: Store, kind: str, values: list[Value], *key: Hashable) -> Value:
    """Return a new sequence."""
    cell = ctx.cell(kind, *key)
    fill(store, cell, dict(enumerate(values)))
    return frozenset({Obj(cell)})


def _entries(store: Store, cell: Cell) -> Iterator[tuple[Hashable, Value]]:
    for key, value in store.content(cell).items():
        if isinstance(key, tuple) and value - ABSENT:
            yield key[1], value - ABSENT


def items_of(value: Value, store: Store) -> Value:
    """Return the join of all items that an iteration gives."""
    found: list[Value] = []
    for one in value:
        match one:
            case Obj(cell=cell):
                found.append(store.read(cell, ITEMS) - ABSENT)
                entries = list(_entries(store, cell))
                if cell.kind in {"dict", "set"}:
                    found.extend(const(key) for key, _ in entries if _is_plain(key))
                else:
                    found.extend(item for _, item in entries)
                if cell.kind == "object":
                    found.append(opaque())
                elif cell.kind == "dict" and store.read(cell, ITEMS) - ABSENT:
                    found[-len(entries) - 1 if entries else -1] = opaque()
            case Opaque(origin=origin, label=label, truth=truth):
                del truth
                found.append(opaque(origin, label))
            case Const(value=tuple() | str() | bytes() as content, origin=origin):
                found.extend(const(item, origin) for item in list(content)[:_KEYS])
            case Const():
                pass
            case _:
                found.append(opaque())
    return join(*found)


def contents_of(value: Value, store: Store) -> Value:
    """Return a value with all items and values of the containers in it, two levels deep."""
    found = value
    for _ in range(2):
        cells = [one.cell for one in found if isinstance(one, Obj) and one.cell.kind != "object"]
        inside = [
            item - ABSENT
            for cell in cells
            for key, item in store.content(cell).items()
            if key not in {SIZE, WRITTEN}
        ]
        found = join(found, *inside)
    return found


def _is_plain(key: Hashable) -> bool:
    return key is None or isinstance(key, str | bytes | int | float | bool)


def keys_of(value: Value, store: Store) -> list[Hashable]:
    """Return the constant keys of a container."""
    return [key for one in value if isinstance(one, Obj) for key, _ in _entries(store, one.cell)]


def may_be_empty(value: Value, store: Store) -> bool:
    """Return True if an iteration may give no item."""
    for one in value:
        match one:
            case Obj(cell=cell):
                size = store.read(cell, SIZE)
                if not size - ABSENT or any(getattr(item, "value", 1) == 0 for item in size):
                    return True
            case Const(value=tuple() | str() | bytes() as content):
                if not content:
                    return True
            case _:
                return True
    return not value


def is_possible(atom: Atom, store: Store, *, truth: bool) -> bool:
    """Return True if an atom can have a truth value; that of a container is its emptiness."""
    if isinstance(atom, Obj) and atom.cell.base == GENERATOR:
        return truth
    if not isinstance(atom, Obj) or atom.cell.kind == "object":
        return may_be(atom, truth=truth)
    if not truth:
        return may_be_empty(frozenset({atom}), store)
    size = store.read(atom.cell, SIZE)
    return not size or any(getattr(one, "value", 1) == 1 for one in size)


def add_item(store: Store, value: Value, item: Value, key: Value = frozenset()) -> None:
    """Put an item into each container of a value, under a key if it is one constant."""
    only = next(iter(key), None) if len(key) == 1 else None
    cells = [one.cell for one in value if isinstance(one, Obj)]
    for cell in cells:
        if isinstance(only, Const) and _is_plain(only.value) and not only.origin & {"client"}:
            old = store.read(cell, ("key", only.value))
            store.put(cell, ("key", only.value), item if len(cells) == 1 else join(old, item))
        else:
            store.put(cell, ITEMS, join(store.read(cell, ITEMS), item))
        store.put(cell, SIZE, _SOME)


def mark_written(step: Step, owner: Obj) -> None:
    """Note that an unauthenticated client has caused a write, if it has."""
    if step.ctx.handler is not None and not step.at.asked:
        step.store.put(owner.cell, WRITTEN, _SOME)


def remove_item(store: Store, value: Value, key: Value) -> None:
    """Remove an item: the container may be empty behind it."""
    only = next(iter(key), None) if len(key) == 1 else None
    for one in value:
        if isinstance(one, Obj):
            if isinstance(only, Const):
                store.put(one.cell, ("key", only.value), ABSENT)
            size = store.read(one.cell, SIZE)
            store.put(one.cell, SIZE, join(size, _EMPTY))


def copy_items(store: Store, source: Value, into: Value) -> None:
    """Put the items of one container into another."""
    for one in source:
        if isinstance(one, Obj):
            for key, item in list(_entries(store, one.cell)):
                add_item(store, into, item, const(key))
            rest = store.read(one.cell, ITEMS) - ABSENT
            if rest:
                add_item(store, into, rest)
        elif isinstance(one, Opaque):
            add_item(store, into, opaque(one.origin, one.label))


def look_up(cell: Cell, key: Value, store: Store, name: str) -> tuple[Value, bool, bool]:
    """Look a key up in a container.

    Args:
        cell: The container.
        key: The key.
        store: The state.
        name: Name of the container in the source, "" without one.

    Returns:
        The items, whether the key may be missing, and whether *missing* is the answer of a check.
    """
    entries = dict(_entries(store, cell))
    rest = store.read(cell, ITEMS) - ABSENT
    if any(answered(one) for one in key):
        return frozenset(), True, True
    constants = [one for one in key if isinstance(one, Const)]
    if constants and len(constants) == len(key):
        found = [entries[one.value] for one in constants if one.value in entries]
        missing = len(found) < len(constants)
        exact = cell.base == PARTS and not missing
        return join(*found) if exact else join(*found, rest), missing, False
    if "client" not in origins(key):
        return join(*entries.values(), rest), True, False
    secret = any(is_credential(one) for one in (name, *labels(key)))
    if not secret and not entries and not rest:
        return opaque(), True, False
    if secret:
        # The client knows no constant key; another key is one that a client can have put there.
        theirs = bool(rest) and bool(store.read(cell, WRITTEN))
        return rest if theirs else frozenset(), True, not theirs
    return join(*entries.values(), rest), True, False


def sequence_of(value: Value, store: Store) -> list[Value] | None:
    """Return the items of a tuple or list with known positions."""
    only = next(iter(value), None)
    if len(value) != 1 or not isinstance(only, Obj) or store.read(only.cell, ITEMS) - ABSENT:
        return None
    if only.cell.kind not in {"list", "tuple"} or (
        store.read(only.cell, SIZE) >= _EMPTY and store.read(only.cell, SIZE) != _EMPTY
    ):
        return None
    items: list[Value] = []
    while True:
        found = store.read(only.cell, ("key", len(items))) - ABSENT
        if not found:
            return items
        items.append(found)
