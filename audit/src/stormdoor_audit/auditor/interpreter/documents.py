"""JSON that stands in the source or in a setting: what it holds, and how it is written."""

import json

from stormdoor_audit.auditor.interpreter.values import (
    LONGEST,
    Const,
    Mapping,
    Sequence,
    Setting,
    Value,
    settled,
)

__all__ = ["loaded", "read", "written"]


def written(value: Value) -> Value | None:
    """`json.dumps({"error": "no"})`: a text that stands in the source."""
    try:
        return Const(json.dumps(_plain(value))[:LONGEST])
    except (TypeError, ValueError):
        return None


def _plain(value: Value) -> object:
    """Return the items of a display; TypeError if part of it is not in the source."""
    match value:
        case Const(labels=labels) if not labels:
            return value.value
        case Mapping(exact=True):
            return {str(key): _plain(one) for key, one in value.items.items()}
        case Sequence(exact=True):
            return [_plain(one) for one in value.items]
        case _:
            raise TypeError


def loaded(name: str, value: Setting) -> Setting:
    """`json.loads(os.environ.get("TOKENS", "[]"))`: what is in it as shipped."""
    text = f"{name}({value.name})"
    return Setting(text, read(settled(value)), value.labels, text)


def read(text: Value | None) -> Value | None:
    """Parse a text in the source as JSON; None if it is no text, or no JSON."""
    if not isinstance(text, Const) or not isinstance(text.value, str):
        return None
    try:
        return _display(json.loads(text.value[:LONGEST]))
    except (ValueError, RecursionError):
        return None


def _display(held: object) -> Value:
    match held:
        case list():
            return Sequence([_display(one) for one in held])
        case dict():
            return Mapping({str(key): _display(one) for key, one in held.items()})
        case _:
            return Const(held)
