"""Arguments of an event, and their content."""

from collections.abc import Iterator

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Instance, Mapping, Sequence, Value

__all__ = ["values_in"]

_DEPTH = 3


def values_in(event: Event) -> Iterator[Value]:
    """The arguments, and what stands in lists, tables and objects among them."""
    for _, value in _fields_in(event):
        yield value


def _fields_in(event: Event) -> Iterator[tuple[str, Value]]:
    """The same, each with the word, the key or the attribute that it stands under."""
    pending: list[tuple[str, Value, int]] = [("", value, 0) for value in event.values]
    pending += [(name, value, 0) for name, value in event.words]
    while pending:
        name, value, depth = pending.pop()
        yield name, value
        if depth >= _DEPTH:
            continue
        match value:
            case Sequence(items=items):
                pending.extend((name, one, depth + 1) for one in items)
            case Mapping(items=entries):
                pending.extend((str(key), one, depth + 1) for key, one in entries.items())
            case Instance(attrs=attrs, handler=False):
                pending.extend((key, one, depth + 1) for key, one in attrs.items())
            case _:
                pass
