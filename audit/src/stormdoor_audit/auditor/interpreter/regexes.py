"""Regular expressions on texts that are known: what they match, and what a match holds.

The patterns are those of the scanned code; one that could take long is not run.
"""

import re
from collections.abc import Iterator

from stormdoor_audit.auditor.interpreter.values import (
    LONGEST,
    Const,
    Mapping,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
)

__all__ = ["called", "is_quick", "matched", "part_of_match"]

_MAX_REPEATS = 5


def called(name: str, args: list[Value]) -> Value | None:
    """A function of the module `re`, by the name that it has there."""
    match name, args:
        case "compile", [pattern, *_]:
            return Mapping({"pattern": pattern}, text="pattern")
        case "match" | "search" | "fullmatch", [pattern, text, *_]:
            return matched(name, pattern, text)
        case "findall" | "split" | "sub", [_, _] | [_, _, _]:
            return _searched(name, args)
        case "escape", [Const(value=str() as text, labels=labels), *_]:
            return Const(re.escape(text), labels)
        case _:
            return None


def matched(how: str, pattern: Value, text: Value) -> Value:
    """Result of `match`, `search` or `fullmatch` of a pattern on a text."""
    # A pattern that is not known may let in anything: it is no comparison with what is allowed.
    labels = labels_of(pattern, text) - {"origin"}
    if "stand-in" in pattern.labels:
        return Unknown(labels, "a pattern")
    if isinstance(pattern, Setting):
        shipped = matched(how, pattern.default, text) if pattern.default is not None else None
        if isinstance(shipped, Mapping):
            return Setting(f"{pattern.name} matches", Const(value=True), labels)
        return Setting(f"{pattern.name} matches", None, labels) if shipped is None else shipped
    if not isinstance(pattern, Const) or not isinstance(text, Const):
        return Unknown(labels, "a pattern")
    if not isinstance(pattern.value, str) or not isinstance(text.value, str):
        return Unknown(labels, "a pattern")
    if how not in {"match", "search", "fullmatch"} or not is_quick(pattern.value):
        return Unknown(labels, "a pattern")
    if len(text.value) > LONGEST:
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


def part_of_match(match: Mapping, name: str, args: list[Value]) -> Value | None:
    """Result of `match.group(1)` and `match.groups()`."""
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
    if not is_quick(texts[0]) or len(texts[-1]) > LONGEST:
        return None
    labels = labels_of(*args)
    try:
        found = getattr(re, how)(*texts)
    except (re.error, IndexError):
        return None
    if isinstance(found, str):
        return Const(found[:LONGEST], labels)
    return Sequence([Const(one, labels) for one in found])


def is_quick(pattern: str) -> bool:
    """Return True if a pattern cannot take exponential time: short, without nested repeats."""
    if len(pattern) > LONGEST:
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, ValueError):
        return False
    if re.search(r"\\\d|\(\?P=", pattern) or len(re.findall(r"[*+]", pattern)) > _MAX_REPEATS:
        return False
    return not any(_repeats_badly(inside) for inside in _repeated_groups(pattern))


def _repeated_groups(pattern: str) -> Iterator[str]:
    """Yield the content of groups that are repeated."""
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
    """Return True if a text can be cut into repetitions of this in more than one way.

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
