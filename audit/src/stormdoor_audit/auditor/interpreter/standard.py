"""Functions of Python and its library that are computed where what they are given is known.

Nothing of the scanned code runs. The functions are Python's own, on short constants.
"""

import fnmatch
from collections.abc import Callable
from typing import Any

from stormdoor_audit.auditor.interpreter import documents, regexes
from stormdoor_audit.auditor.interpreter.addresses import parsed
from stormdoor_audit.auditor.interpreter.texts import stand_in
from stormdoor_audit.auditor.interpreter.values import (
    LONGEST,
    Const,
    Mapping,
    Named,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    settled,
)
from stormdoor_audit.auditor.naming.words import words

__all__ = ["DISPLAYS", "concrete_function", "constant_named"]

_MOST_DIGITS = 40
_LONGEST_GLOB = 80
_MOST_STARS = 3
DISPLAYS = words("bool bytes dict float frozenset int list set str tuple")
"""Kinds of what may be written down."""
_BUILTINS = words("bool frozenset len list reversed set sorted str tuple zip")


def _is_true(value: object) -> bool:
    return str(value).strip().lower() in {"1", "true", "t", "yes", "y", "on"}


_CONVERSIONS: dict[str, Callable[[Any], object]] = {
    "int": int,
    "float": float,
    "strtobool": _is_true,
    "str2bool": _is_true,
    "str_to_bool": _is_true,
    "to_bool": _is_true,
    "asbool": _is_true,
    "as_bool": _is_true,
    "parse_bool": _is_true,
    "is_true": _is_true,
}


_TEXTS = {"six.string_types": "str", "six.text_type": "str", "basestring": "str", "unicode": "str"}
"""Names of Python 2 for a text."""


_VERSIONS: dict[str, tuple[int, ...]] = {
    "sys.version_info": (3, 12, 0),
    "tornado.version_info": (6, 4, 0, 0),
}
_TOLD_BY_VERSION = {"six.PY2": False, "six.PY3": True, "tornado.util.PY3": True}
"""Tests for Python 2, which have had one answer ever since."""


def constant_named(name: str) -> Value | None:
    """Return the value of a name of Python or of its library, if it is known."""
    if name in _TOLD_BY_VERSION:
        return Const(_TOLD_BY_VERSION[name])
    version = _VERSIONS.get(name)
    return None if version is None else Sequence([Const(one) for one in version], "tuple")


def concrete_function(name: str, args: list[Value]) -> Value | None:
    """A function on what is known; None where nothing is known of it."""
    if name.startswith("re.") and args:
        return regexes.called(name.rpartition(".")[2], args)
    # By the last name alone: these are imported under many names, and called by it.
    last = name.rpartition(".")[2]
    match last, args:
        case "urlparse" | "urlsplit", [Const() | Setting() as address, *_]:
            return parsed(address)
        case "fnmatch" | "fnmatchcase", [text, glob]:
            return _fits(text, glob)
        case "to_unicode" | "native_str" | "utf8" | "to_basestring", [Const() as text, *_]:
            return text
        case _, [Setting() as setting] if last in _CONVERSIONS:
            return _converted(last, setting)
        case _:
            return _builtin(name, args) if name in _BUILTINS else _by_full_name(name, args)


def _by_full_name(name: str, args: list[Value]) -> Value | None:
    match name, args:
        case "fnmatch.translate", [Const() as glob, *_]:
            return _translated(glob)
        case "fnmatch.filter", [Sequence() as names, glob]:
            return _fitting(names, glob)
        case "any" | "all", [items]:
            return _of_any(name, items)
        case "isinstance", [Const() as value, kinds]:
            return _is_instance(value, kinds)
        case "isinstance", [Sequence() | Mapping() as held, kinds] if not held.text:
            return _is_kept_as(held, kinds)
        case "type", [Const(value=value)]:
            return Named(type(value).__name__)
        case "isinstance", [Setting() as setting, kinds]:
            return _is_of_kind(setting, kinds)
        case "int" | "float", [Const() as value]:
            return _as_number(name, value)
        case "json.loads" | "ast.literal_eval", [Setting() as setting, *_]:
            return documents.loaded(name, setting)
        case "json.loads", [Const(labels=labels) as text, *_] if not labels:
            return documents.read(text)
        case "json.dumps" | "tornado.escape.json_encode", [value, *_]:
            return documents.written(value)
        case "filter", [_, Setting() as setting]:
            return _without_empty(setting)
        case _:
            return None


def _fits(text: Value, glob: Value) -> Value | None:
    """`fnmatch(host, "*.example.com")`."""
    if "stand-in" in glob.labels:
        return Unknown(labels_of(text, glob) - {"origin"}, "a pattern")
    match text, glob:
        case Const(value=str() as one), Const(value=str() as pattern):
            if len(pattern) < _LONGEST_GLOB and pattern.count("*") <= _MOST_STARS:
                return Const(fnmatch.fnmatchcase(one, pattern), labels_of(text, glob))
        case _:
            pass
    return None


def _translated(glob: Value) -> Value | None:
    if isinstance(glob, Const) and isinstance(glob.value, str) and len(glob.value) < _LONGEST_GLOB:
        return Const(fnmatch.translate(glob.value), glob.labels)
    return None


def _fitting(names: Sequence, glob: Value) -> Value | None:
    """`fnmatch.filter([host], "*.example.com")`: those of the names that fit."""
    kept: list[Value] = []
    for one in names.items:
        fits = _fits(one, glob)
        if not isinstance(fits, Const):
            return Unknown(labels_of(names, glob), "a pattern")
        if fits.value:
            kept.append(one)
    return Sequence(kept, "list", names.exact)


def _of_any(name: str, items: Value) -> Value | None:
    if isinstance(items, Sequence):
        return _quantified(name, items)
    if isinstance(items, Setting) and isinstance(items.default, Sequence):
        shipped = _quantified(name, items.default)
        text = f"{name}({items.name})"
        return Setting(text, shipped if isinstance(shipped, Const) else None, text=text)
    return None


def _is_instance(value: Const, kinds: Value) -> Value | None:
    names = kinds.items if isinstance(kinds, Sequence) else [kinds]
    if not all(isinstance(one, Named) for one in names):
        return None
    found = {_TEXTS.get(one.name, one.name) for one in names if isinstance(one, Named)}
    mine = {kind.__name__ for kind in type(value.value).__mro__}
    return Const(bool(found & mine), value.labels)


def _is_kept_as(held: Sequence | Mapping, kinds: Value) -> Value | None:
    """Type test of a display: `return {"error": "no"}, 401` is a tuple.

    What is kept as a list may be no more than gone through, as what `map()` gives is.
    """
    kind = held.kind if isinstance(held, Sequence) else "dict"
    named = kinds.items if isinstance(kinds, Sequence) else [kinds]
    names = {one.name for one in named if isinstance(one, Named) and one.name in DISPLAYS}
    if len(names) < len(named) or (kind == "list" and kind in names):
        return None
    return Const(kind in names)


def _is_of_kind(setting: Setting, kinds: Value) -> Value | None:
    """Type test of a setting: the result is a setting, too."""
    shipped = settled(setting)
    if isinstance(shipped, Const) and isinstance(shipped.value, str):
        return _is_instance(shipped, kinds)  # a text however it is configured
    if isinstance(shipped, Const) and shipped.value is None:
        told = _is_instance(shipped, kinds)
        text = f"isinstance({setting.name})"
        return told if told is None else Setting(text, told, text=text)
    return None


def _converted(name: str, value: Setting) -> Setting:
    """`bool(int(os.environ.get("AUTH", "0")))` is as much of a setting as what it is made of."""
    shipped: Value | None = value
    while isinstance(shipped, Setting):
        shipped = shipped.default
    text = f"{name}({value.name})"
    if not isinstance(shipped, Const) or not isinstance(shipped.value, str | int | float | bool):
        return Setting(text, None, value.labels, text)
    try:
        return Setting(text, Const(_CONVERSIONS[name](shipped.value)), value.labels, text)
    except (TypeError, ValueError):
        return Setting(text, None, value.labels, text)


def _as_number(name: str, value: Const) -> Const | None:
    """`int(self.current_user or 0)`: the number of an absent user is 0."""
    if not isinstance(value.value, str | int | float) or len(str(value.value)) > _MOST_DIGITS:
        return None
    try:
        return Const(_CONVERSIONS[name](value.value), value.labels)
    except (TypeError, ValueError, OverflowError):
        return None


def _quantified(name: str, items: Sequence) -> Value | None:
    held = [
        Const(True, labels_of(one)) if isinstance(one, Mapping) and one.text == "match" else one
        for one in items.items
    ]
    items = Sequence(held, items.kind, items.exact, items.labels, items.text)
    values = [one.value for one in items.items if isinstance(one, Const)]
    labels = labels_of(items)
    if name == "any" and any(values):
        return Const(True, labels)
    if name == "all" and len(values) != sum(bool(value) for value in values):
        return Const(False, labels)
    if items.exact and len(values) == len(items.items):
        return Const(name == "all", labels)
    rest = [one for one in items.items if not isinstance(one, Const)]
    if len(rest) == 1 and items.exact:
        return rest[0]
    if not items.exact and values and "origin" in labels and not any(values):
        return Const(False, labels)
    return Unknown(labels, f"{name}()")


def _builtin(name: str, args: list[Value]) -> Value | None:
    if name == "zip":
        first = next((one for one in args if isinstance(one, Const)), None)
        args = [one if first is None else stand_in(first, "startswith", one) for one in args]
        lists = [one for one in args if isinstance(one, Sequence) and one.exact]
        texts = [
            Sequence([Const(char, one.labels) for char in one.value[:LONGEST]])
            for one in args
            if isinstance(one, Const) and isinstance(one.value, str)
        ]
        columns = [*lists, *texts]
        if len(columns) != len(args) or not columns:
            return None
        rows = zip(*(column.items for column in columns), strict=False)
        return Sequence([Sequence(list(row), "tuple") for row in rows])
    if len(args) != 1:
        empty = not args and name in {"set", "list", "tuple", "frozenset"}
        return Sequence([], name) if empty else None
    value = args[0]
    if isinstance(value, Sequence):
        if name == "len":
            return Const(len(value.items)) if value.exact else None
        if name == "bool":
            return Const(bool(value.items)) if value.exact else None
        if name == "reversed":
            return Sequence(value.items[::-1], "list", value.exact)
        if name != "str":
            kind = "list" if name == "sorted" else name
            return Sequence(list(value.items), kind, value.exact, text=value.text)
    if isinstance(value, Const):
        if name == "bool":
            return Const(bool(value.value), value.labels)
        if name == "str" and isinstance(value.value, str | int | float | bool | None):
            return Const(str(value.value), value.labels)
        if name == "len" and isinstance(value.value, str | bytes | tuple):
            return Const(len(value.value), value.labels)
    if isinstance(value, Mapping) and name == "bool" and value.text == "match":
        return Const(value=True)
    if isinstance(value, Mapping) and name == "bool" and value.exact:
        return Const(bool(value.items))
    if isinstance(value, Setting) and name == "len":
        shipped = _builtin(name, [value.default]) if value.default is not None else None
        text = f"len({value.name})"
        return Setting(text, shipped, text=text) if isinstance(shipped, Const) else None
    if isinstance(value, Setting) and name in {
        *("bool", "str", "list", "set", "tuple", "frozenset", "sorted")
    }:
        return value
    return None


def _without_empty(value: Setting) -> Setting | None:
    """`filter(None, os.environ.get("TOKENS", "").split(","))`: nothing, as shipped."""
    shipped = settled(value)
    if not isinstance(shipped, Sequence) or not shipped.exact:
        return None
    if not all(isinstance(one, Const) for one in shipped.items):
        return None
    rest = [one for one in shipped.items if isinstance(one, Const) and one.value]
    text = f"filter({value.name})"
    return Setting(text, Sequence([*rest]), value.labels, text)
