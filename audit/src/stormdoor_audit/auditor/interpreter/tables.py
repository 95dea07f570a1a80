"""Tables that outlive a connection, and what changes them."""

import re
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Labels,
    Mapping,
    Sequence,
    Value,
    labels_of,
    settled,
    text_of,
)
from stormdoor_audit.auditor.naming.words import words

__all__ = [
    "CHANGES",
    "NAMESPACE",
    "PARSED",
    "STORE",
    "field_named",
    "found_in_store",
    "is_chosen",
    "is_own",
    "is_shared",
    "key_named",
    "merged",
    "named",
    "root_of",
]

NAMESPACE = "names of code"
"""Said of a table in which code was run: what it defined is in it."""
STORE = "$"
"""Begin of the label that names the store that something was found in: `$rooms` of `rooms[name].owner`."""
PARSED = frozenset({"pattern", "match", "urlparse", NAMESPACE})
"""Objects that are held as a table of their parts, and are no tables of the program."""
CHANGES = words(
    "add append appendleft clear discard extend insert pop popitem remove setdefault update"
)
"""Methods that change what they are called on."""


def is_shared(holder: Value) -> bool:
    """Return True if a table belongs to a module or to a class: it has a name there."""
    return (
        isinstance(holder, Mapping | Sequence) and bool(holder.text) and holder.text not in PARSED
    )


def is_chosen(value: Value) -> bool:
    """Return True if a client picks by it and proves nothing: `message["room"]`."""
    labels = labels_of(value)
    return "client" in labels and not labels & {"credential", "principal", "self"}


def is_own(value: Value) -> bool:
    """Return True if it was found for the user, without influence of the client."""
    labels = labels_of(value)
    return "principal" in labels and "client" not in labels


def key_named(key: Value) -> tuple[str, str]:
    """Stand-in for an unknown key: equal for equal source text."""
    return ("of", key.info.qualname if isinstance(key, ClassRef) else text_of(key))


def merged(table: Mapping, more: Mapping) -> Mapping:
    """Return the union of two tables, the second over the first: `defaults | given`."""
    return Mapping(
        {**table.items, **more.items}, table.exact and more.exact, table.labels | more.labels
    )


def named(key: Value) -> Value:
    """A key that a constant of a module or a class stands for: `{strings.LOGIN: login}`."""
    said = settled(key)
    return said if isinstance(said, Const) and isinstance(said.value, str | int | bytes) else key


def field_named(key: Value) -> str:
    """The name of a field: `said["token"]`, `said[strings.TOKEN]`."""
    said = named(key)
    return said.value if isinstance(said, Const) and isinstance(said.value, str) else ""


def found_in_store(table: Value) -> Labels:
    """Labels of what a client that is let in finds in a table by what it sent."""
    named = bool(getattr(table, "text", "")) or not isinstance(table, Mapping | Sequence)
    store = root_of(text_of(table)) if named else ""
    return frozenset({"found", f"{STORE}{store}"} if store else {"found"})


@lru_cache(maxsize=4096)
def root_of(text: str) -> str:
    """`store.rooms` of `store.rooms.find().listeners.add`, `DOCS` of `DOCS[data['id']]["text"]`."""
    begin = re.match(r"[\w.]*", text)
    name = begin.group() if begin is not None else ""
    called = text[len(name) :].startswith("(")
    return name.rpartition(".")[0] if called and "." in name else name
