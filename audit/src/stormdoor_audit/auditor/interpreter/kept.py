"""Entries under a key that all clients are given: the session of a visitor, a room with a code."""

from typing import TypeAlias

from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Instance,
    Labels,
    Mapping,
    Nobody,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon

__all__ = [
    "OF_SECRETS",
    "PIPELINES",
    "SIGNED",
    "Fields",
    "Kept",
    "field_in",
    "fields_of",
    "found_in",
    "is_for_anybody",
    "merge_kept",
    "secret_named",
    "table_of",
]

Fields: TypeAlias = dict[str, Value] | None
"""Fields of a record at its creation, without the empty ones; None for another value."""
Kept: TypeAlias = dict[str, Fields]
"""Tables, by their names, that have an entry for every client, with the fields of that entry."""

OF_SECRETS = "secret "
"""Prefix of the names of the program's secrets, among those of tables."""
SIGNED = "signed."
"""Prefix of the names that stand for all values signed for one use."""
PIPELINES = (".pipeline()", ".multi_exec()")
"""Calls that collect commands to a server and run them together."""
_OF_RECORDS: Labels = frozenset({"answer", "found", "visitor"})


def table_of(name: str) -> str:
    """Return the table behind a pipeline."""
    return next((name.removesuffix(end) for end in PIPELINES if name.endswith(end)), name)


def fields_of(value: Value) -> Fields:
    """Return the fields of a table's entry when it is stored."""
    match value:
        case Mapping(items=items):
            held = {name: one for name, one in items.items() if isinstance(name, str)}
        case Instance(handler=False, attrs=attrs):
            held = attrs
        case Unknown(labels=labels) if not labels & {"client", "self"}:
            held = {}
        case _:
            return None
    return {name: _apart(one) for name, one in held.items() if not _is_nothing(one)}


def found_in(table: str, fields: Fields, labels: Labels) -> Unknown:
    """Return the client's entry in such a table, if there is one; `labels` if it is no record."""
    if fields is None:
        return Unknown((labels - {"credential"}) | {"found", "visitor"}, f"{table}[]")
    return Unknown(_OF_RECORDS, f"{table}[]", written=fields)


def is_for_anybody(value: Value) -> bool:
    """Return True if it was found so: its existence says nothing about the client."""
    return labels_of(value) >= {"found", "visitor"}


def field_in(record: Value, name: str) -> Value | None:
    """Field of an entry found so; absent if it would name a user and none was noted.

    None for what is no such record.
    """
    if not isinstance(record, Unknown) or "visitor" not in record.labels or record.written is None:
        return None
    if name in record.written:
        return record.written[name]
    text = f"{record.text}.{name}"
    if lexicon.is_of_somebody(name):
        return Nobody(text, truthy=lexicon.is_negative(name))
    return Unknown(record.labels - {"visitor"}, text)


def secret_named(value: Value) -> str:
    """Return the stable name of a secret of the program; empty for another value."""
    match value:
        case Unknown(labels=labels, text=text, truthy=True) if "secret" in labels:
            return f"{OF_SECRETS}{text.removesuffix('.decode()')}"
        case Setting(name=name, labels=labels) if "secret" in labels or (
            lexicon.is_credential_name(name.rpartition(".")[2])
        ):
            return f"{OF_SECRETS}{name}"
        case _:
            return ""


def merge_kept(kept: Kept, more: Kept) -> None:
    """Note more such tables; what is in an entry on some way may be in it."""
    for table, fields in more.items():
        known = kept.get(table)
        kept[table] = fields if not known else {**known, **(fields or {})}


def _apart(value: Value) -> Value:
    """The same, for another way: nothing that happens to it there is seen here."""
    if isinstance(value, Const):
        return value
    return Unknown(labels_of(value) - {"self"}, text_of(value))


def _is_nothing(value: Value) -> bool:
    match value:
        case Const(value=held):
            return not held
        case Sequence(items=items, exact=True):
            return not items
        case Mapping(items=entries, exact=True):
            return not entries
        case _:
            return isinstance(value, Nobody)
