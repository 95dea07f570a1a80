"""Convert parsed TOML to tables, and find all mistakes of names and types in one pass.

msgspec stops at the first mistake. Here a value with a mistake is left out or replaced, and the rest is
converted. The place of the mistake is noted as unread, so that nothing more is said about it.
"""

from __future__ import annotations

import re
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import inspect as shapes

from stormdoor.settings.place import Place, parse_place
from stormdoor.settings.section import close_match

__all__ = ["Note", "convert", "note_names", "shape_of"]

T = TypeVar("T")


class Note(Protocol):
    """Notes a mistake at a place of the file."""

    def __call__(self, place: Place, message: str, unread: Place | None = None) -> None:
        """Note it; `unread` is the place of the unknown value, if that is another one."""
        ...


_SHAPES: dict[type[Any], shapes.Type] = {}
_MAX_MISTAKES = 100
_INVALID = re.compile(r"Invalid (?:enum )?value '(.*)'")
_ANY_KEY = "[...]"
_TYPE_NAMES = {
    "object": "a table",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_MEANT: dict[tuple[str, ...], str] = {
    ("policies", "permit", "unless"): (
        '; in a permit write require = { fresh = "5min" }: it permits only who has proved enough'
    ),
    ("policies", "forbid", "require"): (
        '; in a forbid write unless = { fresh = "5min" }: it refuses only who has not proved enough'
    ),
    ("protect", "freshness"): "; write [freshness] at the top of the file",
    ("policies", "forbid", "across_tenants"): "; leave it out: a forbid reaches every tenant",
    **{
        ("policies", kind, option, "max_age"): '; write fresh = "5min"'
        for kind, option in (("permit", "require"), ("forbid", "unless"))
    },
}


def shape_of(kind: type[Any]) -> shapes.Type:
    """Return the description of a type. To make it takes as long as to read a file."""
    if kind not in _SHAPES:
        _SHAPES[kind] = shapes.type_info(kind)
    return _SHAPES[kind]


def note_names(
    data: Any,
    expected: shapes.Type,
    place: Place,
    note: Note,
    *,
    also: frozenset[str] = frozenset(),
) -> None:
    """Note every unknown and every missing name; remove the unknown, and replace the missing ones.

    Args:
        data: Part of the file.
        expected: Its type.
        place: Its place.
        note: Notes a mistake.
        also: Names that this table may have beside those of its type.
    """
    match expected:
        case shapes.StructType() if isinstance(data, dict):
            _note_fields(data, expected, place, note, also)
        case shapes.ListType() if isinstance(data, list):
            for position, value in enumerate(data):
                note_names(value, expected.item_type, (*place, position), note)
        case shapes.DictType() if isinstance(data, dict):
            for name, value in data.items():
                note_names(value, expected.value_type, (*place, name), note)
        case shapes.UnionType():
            for inner in expected.types:
                if not isinstance(inner, shapes.StructType) or _is_tagged(data, inner):
                    note_names(data, inner, place, note)


def _note_fields(
    data: dict[str, Any],
    expected: shapes.StructType,
    place: Place,
    note: Note,
    also: frozenset[str],
) -> None:
    fields = {one.encode_name: one for one in expected.fields}
    known = {*fields, *also} | ({expected.tag_field} if expected.tag_field else set())
    unknown = [name for name in data if name not in known]
    for name in unknown:
        shown = ", ".join(sorted(known)) or "none"
        hint = _meant(place, name) or close_match(name, known) or f"; there are: {shown}"
        note((*place, name), f"there is no option {name!r} here{hint}")
        del data[name]
    for name, one in fields.items():
        if name in data:
            note_names(data[name], one.type, (*place, name), note)
        # A misspelt name is one mistake, not two.
        elif one.required:
            if not close_match(name, unknown):
                note(place, f"{name} is missing; write {name} = ...", (*place, name))
            data[name] = _stand_in(one.type)


def convert(data: dict[str, Any], kind: type[T], place: Place, note: Note) -> T | None:
    """Return `data` as a `kind`. Each value of a wrong type is left out, or replaced if it is needed.

    Args:
        data: Part of the file, after `note_names`. It is changed.
        kind: Its type.
        place: Its place.
        note: Notes a mistake.
    """
    for _ in range(_MAX_MISTAKES):
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$")
        inner = _find_key(data, kind, path.rstrip("`"))
        note((*place, *inner), _in_toml(what))
        holder, expected = _inside(data, shape_of(kind), inner[:-1])
        needed = _needed(expected, inner[-1])
        if needed is None:
            del holder[inner[-1]]
        else:
            holder[inner[-1]] = _stand_in(needed)
    note(place, f"there are more than {_MAX_MISTAKES} mistakes; correct these first")
    return None


def _needed(expected: shapes.Type, part: str | int) -> shapes.Type | None:
    """Return the type of a part that cannot be left out: a required option, or an element of a list."""
    if isinstance(expected, shapes.ListType):
        return expected.item_type
    if isinstance(expected, shapes.StructType):
        return next(
            (one.type for one in expected.fields if one.required and one.encode_name == part), None
        )
    return None


def _stand_in(expected: shapes.Type) -> Any:
    """Return some value of a type, in place of one that is unknown."""
    match expected:
        case shapes.StructType():
            return {one.encode_name: _stand_in(one.type) for one in expected.fields if one.required}
        case shapes.UnionType():
            return _stand_in(expected.types[0])
        case shapes.LiteralType():
            return expected.values[0]
        case shapes.ListType():
            return []
        case shapes.DictType():
            return {}
        case shapes.StrType():
            return ""
        case shapes.BoolType():
            return False
        case _:
            return 0


def _find_key(data: Any, kind: type, path: str) -> Place:
    """Return the place of a path in an error of msgspec, which does not say which key of a table."""
    before, found, after = path.partition(_ANY_KEY)
    place = parse_place(before)
    if not found:
        return place
    table: dict[str, Any] = _inside(data, shape_of(kind), place)[0]
    whole = dict(table)
    wrong = None
    for key, value in whole.items():
        table.clear()
        table[key] = value
        try:
            msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            if str(error).endswith(f"${path}`"):
                wrong = key
                break
    table.clear()
    table.update(whole)
    return place if wrong is None else (*place, wrong, *parse_place(after))


def _inside(data: Any, expected: shapes.Type, place: Place) -> tuple[Any, shapes.Type]:
    """Return the value at a place, and its type."""
    for part in place:
        data = data[part]
        match expected:
            case shapes.StructType():
                expected = next(one.type for one in expected.fields if one.encode_name == part)
            case shapes.ListType():
                expected = expected.item_type
            case shapes.DictType():
                expected = expected.value_type
            case _:
                pass
        if isinstance(expected, shapes.UnionType):
            kinds = (
                (shapes.ListType,)
                if isinstance(data, list)
                else (
                    shapes.StructType,
                    shapes.DictType,
                )
            )
            expected = next((one for one in expected.types if isinstance(one, kinds)), expected)
    return data, expected


def _meant(place: Place, name: str) -> str:
    """Return a hint if `name` is an option of another table; else an empty text."""
    where = tuple(part for part in place if isinstance(part, str))
    return _MEANT.get((*where, name), "")


def _is_tagged(data: Any, expected: shapes.StructType) -> bool:
    return expected.tag is None or (
        isinstance(data, dict) and data.get(expected.tag_field) == expected.tag
    )


def _in_toml(what: str) -> str:
    """Return an error message of msgspec in terms of TOML."""
    if match := _INVALID.fullmatch(what):
        return f"{match[1]!r} is not one of the values that this may have"
    if what.startswith("Expected"):
        what = what.replace("`", "").replace(" | null", "").replace(" | ", " or ")
        what = re.sub(r"\w+", lambda word: _TYPE_NAMES.get(word[0], word[0]), what)
        what = what.replace(", got ", ", not ")
    return what[:1].lower() + what[1:]
