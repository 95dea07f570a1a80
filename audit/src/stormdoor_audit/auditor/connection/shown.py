"""Values shown to every client, which prove nothing: the keys of a table, a secret in a page."""

import re
from collections.abc import Iterable, Iterator

from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.events import Event, tells
from stormdoor_audit.auditor.interpreter.kept import secret_named
from stormdoor_audit.auditor.interpreter.values import Mapping, Sequence, Value, text_of
from stormdoor_audit.auditor.naming.words import words

__all__ = ["secrets_on", "shown_on"]

_TELLS = words("handler.finish handler.write handler.write_message")
_PAGES = frozenset({"generate", "render_string", "render_template"})
_ENCODES = words("json.dumps tornado.escape.json_encode")
_WRAPPED = re.compile(r"(?:json\.dumps|tornado\.escape\.json_encode|list|sorted|tuple|set)\((.+)\)")


def shown_on(paths: Iterable[Path]) -> set[str]:
    """Names of the values that are sent unchanged, in any form: `self.write(json.dumps(list(ROOMS)))`."""
    return {name for path in paths for name in _shown_before_any_check(path.events)}


def _shown_before_any_check(events: Iterable[Event]) -> set[str]:
    shown: set[str] = set()
    encoded: list[Value] = []
    for event in events:
        if event.kind in {"check", "may-refuse"}:
            break
        if event.kind == "call" and event.text in _ENCODES:
            encoded = [*event.values]
        elif event.kind == "call" and event.text in _TELLS:
            told = [*event.values[:1]]
            if any(text_of(one).startswith(tuple(_ENCODES)) for one in told):
                told += encoded
            shown.update(name for one in told for name in _names_in(one))
    return shown


def secrets_on(paths: Iterable[Path]) -> set[str]:
    """The secrets of the program that a page tells before it has asked who it is, by their names."""
    return {name for path in paths for name in _secrets_before_any_check(path.events)}


def _secrets_before_any_check(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        if event.kind in {"absent", "check", "may-refuse"}:
            return
        if tells(event) or _fills_in(event):
            told = [*event.values, *(one for _, one in event.words)]
            told += [
                inner
                for one in event.values
                if isinstance(one, Mapping)
                for inner in one.items.values()
            ]
            yield from filter(None, map(secret_named, told))


def _fills_in(event: Event) -> bool:
    """`PAGE.generate(token=token)`: it is written into a page."""
    return event.kind == "call" and event.text.rpartition(".")[2] in _PAGES


def _names_in(value: Value) -> Iterator[str]:
    """The name of what is told, or the names of the parts of a table that is written there."""
    parts = [value]
    if isinstance(value, Mapping) and not value.text:
        parts = [*value.items.values()]
    elif isinstance(value, Sequence) and not value.text:
        parts = [*value.items]
    for one in parts:
        name = text_of(one)
        while (inner := _WRAPPED.fullmatch(name)) is not None:
            name = inner.group(1)
        yield name
