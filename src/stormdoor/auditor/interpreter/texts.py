"""String functions that are computed, not only followed: what decides about an origin.

Nothing of the scanned code runs. The functions are Python's own, on short constants; a pattern that
could take long is not run.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from stormdoor.auditor.interpreter.addresses import PARTS, parsed
from stormdoor.auditor.interpreter.values import (
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

__all__ = [
    "NAMESPACE",
    "PARSED",
    "STAND_IN",
    "concrete_function",
    "concrete_method",
    "is_absent",
    "is_quick",
    "stand_in",
]

_LONGEST = 512
_MAX_REPEATS = 5
_MOST_DIGITS = 40
NAMESPACE = "names of code"
"""Said of a table in which code was run: what it defined is in it."""
PARSED = frozenset({"pattern", "match", "urlparse", NAMESPACE})
"""Objects that are held as a table of their parts, and are no tables of the program."""
STAND_IN = "app.example"
"""What a name is taken for that the server holds and the source does not say; so labelled where it
comes from a list."""
_DOTTED = re.compile(r"""^(?:\(|[rfbu]{1,2}(?=['"]))*['"]\.""")
_METHODS: dict[str, Callable[..., object]] = {
    name: getattr(str, name)
    for name in [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "startswith",
        "endswith",
        "find",
        "rfind",
        "index",
        "rindex",
        "count",
        "replace",
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "casefold",
        "removeprefix",
        "removesuffix",
        "title",
        "isdigit",
        "isalnum",
        "splitlines",
    ]
}


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


def is_quick(pattern: str) -> bool:
    """Whether a pattern cannot take exponential time: it is short and has no nested repeats."""
    if len(pattern) > _LONGEST:
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, ValueError):
        return False
    if re.search(r"\\\d|\(\?P=", pattern) or len(re.findall(r"[*+]", pattern)) > _MAX_REPEATS:
        return False
    return not any(_repeats_badly(inside) for inside in _repeated_groups(pattern))


def _repeated_groups(pattern: str) -> Iterator[str]:
    """What stands in groups that are repeated."""
    open_at: list[int] = []
    at, in_set = 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char == "(":
            open_at.append(at + 1)
        elif char == ")" and open_at:
            begin = open_at.pop()
            if pattern[at + 1 : at + 2] in {"*", "+", "{"}:
                yield pattern[begin:at]
        at += 1


def _repeats_badly(inside: str) -> bool:
    """Whether there is more than one way to cut a text into repetitions of this.

    There is one where each ends with a character that is nowhere else in it: `[a-z]+[.]`.
    """
    plain = re.sub(r"^\?(:|P<\w+>)", "", inside)
    if re.search(r"[*+{|?]", re.sub(r"\\.", "", plain)) is None:
        return False
    end = re.search(r"(?:\\([.\-/:])|\[\\?([.\-/:])\]|(?<!\\)([-/:]))$", plain)
    if end is None:
        return True
    rest = plain[: end.start()]
    mark = end[1] or end[2] or end[3]
    return re.search(r"[()|]|\[\^|\\[WSD]|(?<!\\)\.", rest) is not None or mark in rest.replace(
        "a-z", ""
    ).replace("0-9", "").replace("A-Z", "")


def concrete_method(
    receiver: Value, name: str, args: list[Value], words: dict[str, Value]
) -> Value | None:
    """A method of a constant string, of a parsed address or of a compiled pattern."""
    if isinstance(receiver, Mapping) and receiver.text == "pattern":
        return _matched(name, receiver.items["pattern"], args[:1])
    if isinstance(receiver, Mapping) and receiver.text == "match":
        return _of_match(receiver, name, args)
    if isinstance(receiver, Mapping) and receiver.text == "urlparse" and name == "geturl":
        return receiver.items["url"]
    if not isinstance(receiver, Const) or not isinstance(receiver.value, str) or words:
        return None
    if name in {"encode", "decode"}:
        return receiver
    if name == "__contains__" and len(args) == 1 and isinstance(args[0], Const):
        sought = args[0].value
        return Const(str(sought) in receiver.value, labels_of(receiver, *args))
    if name == "join" and args and isinstance(args[0], Sequence):
        parts = [one.value for one in args[0].items if isinstance(one, Const)]
        if len(parts) == len(args[0].items) and all(isinstance(part, str) for part in parts):
            return Const(
                receiver.value.join(map(str, parts))[:_LONGEST], labels_of(receiver, args[0])
            )
        return None
    if name == "format":
        values = [one.value for one in args if isinstance(one, Const)]
        if len(values) == len(args) and "{:" not in receiver.value and "!" not in receiver.value:
            try:
                return Const(receiver.value.format(*values)[:_LONGEST], labels_of(receiver, *args))
            except (IndexError, KeyError, ValueError, AttributeError):
                return None
        return None
    method = _METHODS.get(name)
    if method is None or len(receiver.value) > 10 * _LONGEST:
        return None
    arguments: list[object] = []
    for one in args:
        if (
            isinstance(one, Sequence)
            and one.exact
            and all(isinstance(item, Const) for item in one.items)
        ):
            arguments.append(tuple(item.value for item in one.items if isinstance(item, Const)))
        elif isinstance(one, Const):
            arguments.append(one.value)
        else:
            return _undecided(receiver, name, one)
    try:
        result = method(receiver.value, *arguments)
    except (TypeError, ValueError):
        return None
    labels = labels_of(receiver, *args)
    if isinstance(result, list | tuple):
        kind = "list" if isinstance(result, list) else "tuple"
        return Sequence([Const(part, labels) for part in result], kind)
    return Const(result, labels)


def is_absent(receiver: Value, args: list[Value]) -> bool:
    """Whether `text.index(part)` or `names.index(name)` certainly raises."""
    sought = args[0] if len(args) == 1 else None
    if not isinstance(sought, Const):
        return False
    match receiver:
        case Const(value=str() as text):
            return isinstance(sought.value, str) and sought.value not in text
        case Sequence(items=items, exact=True):
            held = [one.value for one in items if isinstance(one, Const)]
            return len(held) == len(items) and sought.value not in held
        case _:
            return False


def stand_in(receiver: Value, name: str, value: Value) -> Value:
    """A host or an address in place of one that the server holds and nobody can read here.

    `origin.startswith(self.settings["site"])` looks at the beginning only, whatever the site is.
    """
    if not isinstance(receiver, Const) or "origin" not in receiver.labels:
        return value
    if not isinstance(receiver.value, str) or not _is_untold(value):
        return value
    if name == "startswith" and "://" in receiver.value:
        return Const(f"https://{STAND_IN}", value.labels, value.text)
    dot = "." if _DOTTED.match(value.text) else ""
    return Const(f"{dot}{STAND_IN}", value.labels, value.text)


def _is_untold(value: Value) -> bool:
    """Whether it is a value of the server that is not known; what a client sends is its own."""
    while isinstance(value, Setting):
        if value.default is None:
            return True
        value = value.default
        if isinstance(value, Const) and value.value is None:
            return True
    return isinstance(value, Unknown) and not value.labels & {"client", "origin", "address"}


def _undecided(receiver: Const, name: str, other: Value) -> Value | None:
    """`origin.endswith(self.settings["suffix"])`: an empty default accepts everything."""
    if name in {"startswith", "endswith"}:
        own, configured = _alternatives(other)
        method = _METHODS[name]
        if any(method(receiver.value, one) for one in own):
            return Const(value=True, labels=labels_of(receiver))
        if configured:
            met = any(method(receiver.value, one) for one in configured.values())
            text = f"{name}({', '.join(configured)})"
            return Setting(text, Const(met), text=text)
    return Unknown(labels_of(receiver, other), f"{name}()")


def _written(value: Value) -> Value | None:
    """`json.dumps({"error": "no"})`: a text that stands in the source."""
    try:
        return Const(json.dumps(_plain(value))[:_LONGEST])
    except (TypeError, ValueError):
        return None


def _plain(value: Value) -> object:
    """What a display consists of; TypeError where not all of it stands in the source."""
    match value:
        case Const(labels=labels) if not labels:
            return value.value
        case Mapping(exact=True):
            return {str(key): _plain(one) for key, one in value.items.items()}
        case Sequence(exact=True):
            return [_plain(one) for one in value.items]
        case _:
            raise TypeError


def _alternatives(value: Value) -> tuple[list[str], dict[str, str]]:
    """Texts of which one is enough, and the settings among them as shipped, by their names.

    A parsed address is the tuple of its parts.
    """
    own: list[str] = []
    configured: dict[str, str] = {}
    match value:
        case Sequence():
            items = value.items
        case Mapping(text="urlparse"):
            items = [value.items[name] for name in PARTS]
        case _:
            items = [value]
    for one in items:
        shipped = settled(one)
        if not isinstance(shipped, Const) or not isinstance(shipped.value, str):
            continue
        if isinstance(one, Setting):
            configured[one.name] = shipped.value
        else:
            own.append(shipped.value)
    return own, configured


def concrete_function(name: str, args: list[Value]) -> Value | None:
    """A function of the standard library on constants."""
    last = name.rpartition(".")[2]
    if last in {"urlparse", "urlsplit"} and args and isinstance(args[0], Const | Setting):
        return parsed(args[0])
    if name.startswith("re.") and args:
        if last == "compile":
            return Mapping({"pattern": args[0]}, text="pattern")
        if last in {"match", "search", "fullmatch"} and len(args) >= 2:
            return _matched(last, args[0], args[1:2])
        if last in {"findall", "split", "sub"} and len(args) in {2, 3}:
            return _searched(last, args)
        if last == "escape" and isinstance(args[0], Const) and isinstance(args[0].value, str):
            return Const(re.escape(args[0].value), args[0].labels)
        return None
    if name == "fnmatch.translate" and isinstance(args[0] if args else None, Const):
        return _translated(args[0])
    if name == "fnmatch.filter" and len(args) == 2 and isinstance(args[0], Sequence):
        return _fitting(args[0], args[1])
    if last in {"fnmatch", "fnmatchcase"} and len(args) == 2:
        one, pattern = args
        if "stand-in" in pattern.labels:
            return Unknown(labels_of(*args) - {"origin"}, "a pattern")
        if isinstance(one, Const) and isinstance(pattern, Const):
            value, glob = one.value, pattern.value
            if (
                isinstance(value, str)
                and isinstance(glob, str)
                and len(glob) < 80
                and glob.count("*") < 4
            ):
                return Const(fnmatch.fnmatchcase(value, glob), labels_of(*args))
        return None
    if name in {"any", "all"} and len(args) == 1:
        return _of_any(name, args[0])
    if name == "isinstance" and len(args) == 2 and isinstance(args[0], Const):
        return _is_instance(args[0], args[1])
    if name == "isinstance" and len(args) == 2 and isinstance(args[0], Setting):
        shipped = settled(args[0])
        if isinstance(shipped, Const) and isinstance(shipped.value, str):
            return _is_instance(shipped, args[1])  # a text however it is configured
        if isinstance(shipped, Const) and shipped.value is None:
            told = _is_instance(shipped, args[1])
            text = f"isinstance({args[0].name})"
            return told if told is None else Setting(text, told, text=text)
    if last in _CONVERSIONS and len(args) == 1 and isinstance(args[0], Setting):
        return _converted(last, args[0])
    if name in {"int", "float"} and len(args) == 1 and isinstance(args[0], Const):
        return _as_number(name, args[0])
    if name in {"json.loads", "ast.literal_eval"} and args and isinstance(args[0], Setting):
        return _loaded(name, args[0])
    if name in {"json.dumps", "tornado.escape.json_encode"} and args:
        return _written(args[0])
    if name == "filter" and len(args) == 2 and isinstance(args[1], Setting):
        return _without_empty(args[1])
    if name in {
        "len",
        "bool",
        "str",
        "set",
        "list",
        "tuple",
        "frozenset",
        "sorted",
        "zip",
        "reversed",
    }:
        return _builtin(name, args)
    if (
        last in {"to_unicode", "native_str", "utf8", "to_basestring"}
        and args
        and isinstance(args[0], Const)
    ):
        return args[0]
    return None


def _translated(glob: Value) -> Value | None:
    if isinstance(glob, Const) and isinstance(glob.value, str) and len(glob.value) < 80:
        return Const(fnmatch.translate(glob.value), glob.labels)
    return None


def _fitting(names: Sequence, glob: Value) -> Value | None:
    """`fnmatch.filter([host], "*.example.com")`: those of the names that fit."""
    kept: list[Value] = []
    for one in names.items:
        fits = concrete_function("fnmatch.fnmatch", [one, glob])
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


_TEXTS = {"six.string_types": "str", "six.text_type": "str", "basestring": "str", "unicode": "str"}
"""What Python 2 called a text."""


def _is_instance(value: Const, kinds: Value) -> Value | None:
    names = kinds.items if isinstance(kinds, Sequence) else [kinds]
    if not all(isinstance(one, Named) for one in names):
        return None
    found = {_TEXTS.get(one.name, one.name) for one in names if isinstance(one, Named)}
    mine = {kind.__name__ for kind in type(value.value).__mro__}
    return Const(bool(found & mine), value.labels)


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
    """`int(self.current_user or 0)`: the number of nobody is 0."""
    if not isinstance(value.value, str | int | float) or len(str(value.value)) > _MOST_DIGITS:
        return None
    try:
        return Const(_CONVERSIONS[name](value.value), value.labels)
    except (TypeError, ValueError, OverflowError):
        return None


def _matched(how: str, pattern: Value, args: list[Value]) -> Value | None:
    if not args:
        return None
    text = args[0]
    # A pattern that is not known may let in anything: it is no comparison with what is allowed.
    labels = labels_of(pattern, text) - {"origin"}
    if "stand-in" in pattern.labels:
        return Unknown(labels, "a pattern")
    if isinstance(pattern, Setting):
        shipped = _matched(how, pattern.default, args) if pattern.default is not None else None
        if isinstance(shipped, Mapping):
            return Setting(f"{pattern.name} matches", Const(value=True), labels)
        return Setting(f"{pattern.name} matches", None, labels) if shipped is None else shipped
    if not isinstance(pattern, Const) or not isinstance(text, Const):
        return Unknown(labels, "a pattern")
    if not isinstance(pattern.value, str) or not isinstance(text.value, str):
        return Unknown(labels, "a pattern")
    if how not in {"match", "search", "fullmatch"} or not is_quick(pattern.value):
        return Unknown(labels, "a pattern")
    if len(text.value) > _LONGEST:
        return Unknown(labels, "a pattern")
    found = getattr(re, how)(pattern.value, text.value)
    labels = labels_of(pattern, text)
    if found is None:
        return Const(None, labels)
    names = [*map(str, range(len(found.groups()) + 1)), *found.groupdict()]
    return Mapping(
        {one: Const(found[int(one) if one.isdigit() else one], labels) for one in names},
        text="match",
    )


def _of_match(match: Mapping, name: str, args: list[Value]) -> Value | None:
    """What `match.group(1)` and `match.groups()` give."""
    if name == "groups" and not args:
        parts = [part for key, part in match.items.items() if str(key).isdigit() and key != "0"]
        return Sequence(parts, "tuple")
    if name == "groupdict" and not args:
        named = {key: part for key, part in match.items.items() if not str(key).isdigit()}
        return Mapping(named)
    if name != "group":
        return None
    asked = [one.value for one in args if isinstance(one, Const)] if args else [0]
    found = [match.items.get(str(one)) for one in asked]
    parts = [one for one in found if one is not None]
    if len(parts) != max(len(args), 1):
        return None
    return parts[0] if len(parts) == 1 else Sequence(parts, "tuple")


def _searched(how: str, args: list[Value]) -> Value | None:
    """`re.findall`, `re.split` and `re.sub` of texts that are known."""
    texts = [one.value for one in args if isinstance(one, Const) and isinstance(one.value, str)]
    if len(texts) != len(args) or len(args) != (3 if how == "sub" else 2):
        return None
    if not is_quick(texts[0]) or len(texts[-1]) > _LONGEST:
        return None
    labels = labels_of(*args)
    try:
        found = getattr(re, how)(*texts)
    except (re.error, IndexError):
        return None
    if isinstance(found, str):
        return Const(found[:_LONGEST], labels)
    return Sequence([Const(one, labels) for one in found])


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
            Sequence([Const(char, one.labels) for char in one.value[:_LONGEST]])
            for one in args
            if isinstance(one, Const) and isinstance(one.value, str)
        ]
        columns = [*lists, *texts]
        if len(columns) != len(args) or not columns:
            return None
        rows = zip(*(column.items for column in columns), strict=False)
        return Sequence([Sequence(list(row), "tuple") for row in rows])
    if len(args) != 1:
        return Sequence([]) if not args and name in {"set", "list", "tuple", "frozenset"} else None
    value = args[0]
    if isinstance(value, Sequence):
        if name == "len":
            return Const(len(value.items)) if value.exact else None
        if name == "bool":
            return Const(bool(value.items)) if value.exact else None
        if name == "reversed":
            return Sequence(value.items[::-1], "list", value.exact)
        if name != "str":
            return Sequence(list(value.items), name, value.exact, text=value.text)
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


def _loaded(name: str, value: Setting) -> Setting:
    """`json.loads(os.environ.get("TOKENS", "[]"))`: what is in it as shipped."""
    text = f"{name}({value.name})"
    shipped = settled(value)
    if not isinstance(shipped, Const) or not isinstance(shipped.value, str):
        return Setting(text, None, value.labels, text)
    try:
        held = json.loads(shipped.value[:_LONGEST])
    except (ValueError, RecursionError):
        return Setting(text, None, value.labels, text)
    return Setting(text, _display(held), value.labels, text)


def _display(held: object) -> Value:
    match held:
        case list():
            return Sequence([_display(one) for one in held])
        case dict():
            return Mapping({str(key): _display(one) for key, one in held.items()})
        case _:
            return Const(held)


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
