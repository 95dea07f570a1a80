"""Methods of texts that are computed, not only followed: what decides about an origin.

Nothing of the scanned code runs. The methods are Python's own, on short constants.
"""

import re
from collections.abc import Callable

from stormdoor_audit.auditor.interpreter.addresses import PARTS
from stormdoor_audit.auditor.interpreter.regexes import matched, part_of_match
from stormdoor_audit.auditor.interpreter.values import (
    LONGEST,
    Const,
    Mapping,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    settled,
)
from stormdoor_audit.auditor.naming.words import words

__all__ = ["STAND_IN", "concrete_method", "is_absent", "stand_in"]

STAND_IN = "app.example"
"""Stand-in for a name that the server holds and the source does not state; so labelled where it comes
from a list."""
_DOTTED = re.compile(r"""^(?:\(|[rfbu]{1,2}(?=['"]))*['"]\.""")
_METHODS: dict[str, Callable[..., object]] = {
    name: getattr(str, name)
    for name in words(
        """
        lower upper strip lstrip rstrip startswith endswith find rfind index rindex
        count replace split rsplit partition rpartition casefold removeprefix
        removesuffix title isdigit isalnum splitlines
        """
    )
}


def concrete_method(
    receiver: Value, name: str, args: list[Value], words: dict[str, Value]
) -> Value | None:
    """A method of a constant string, of a parsed address or of a compiled pattern."""
    if isinstance(receiver, Mapping) and receiver.text == "pattern":
        return matched(name, receiver.items["pattern"], args[0]) if args else None
    if isinstance(receiver, Mapping) and receiver.text == "match":
        return part_of_match(receiver, name, args)
    if isinstance(receiver, Mapping) and receiver.text == "urlparse" and name == "geturl":
        return receiver.items["url"]
    if not isinstance(receiver, Const):
        return None
    if isinstance(receiver.value, bytes) and name == "decode":
        # `(self.get_signed_cookie("uid") or b"0").decode()`
        return Const(receiver.value.decode(errors="replace"), receiver.labels)
    if not isinstance(receiver.value, str) or words:
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
                receiver.value.join(map(str, parts))[:LONGEST], labels_of(receiver, args[0])
            )
        return None
    if name == "format":
        values = [one.value for one in args if isinstance(one, Const)]
        if len(values) == len(args) and "{:" not in receiver.value and "!" not in receiver.value:
            try:
                return Const(receiver.value.format(*values)[:LONGEST], labels_of(receiver, *args))
            except (IndexError, KeyError, ValueError, AttributeError):
                return None
        return None
    method = _METHODS.get(name)
    if method is None or len(receiver.value) > 10 * LONGEST:
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
    """Return True if `text.index(part)` or `names.index(name)` certainly raises."""
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
    """Return a host or an address in place of one that the server holds and that cannot be read here.

    `origin.startswith(self.settings["site"])` reads the beginning only, for every site.
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
    """Return True if it is an unknown value of the server; a value from a client is the client's own."""
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
