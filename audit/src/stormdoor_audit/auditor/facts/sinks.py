"""The data flow from a message of the client to a function."""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.places import last_name, scopes_of, subject_of
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.values import Unknown, Value, labels_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found
from stormdoor_audit.report.finding import Level

__all__ = ["argument", "from_client", "is_called", "is_namesake", "level_of", "reaching", "sunk"]


def argument(event: Event, at: int, *names: str) -> Value | None:
    """An argument of the call by its place or one of its names."""
    for name, value in event.words:
        if name in names:
            return value
    return event.values[at] if len(event.values) > at else None


def from_client(value: Value | None) -> bool:
    """Return whether the client chooses a value or a part of it."""
    return value is not None and "client" in labels_of(value)


def is_called(event: Event) -> bool:
    """Return whether the source has the call itself, and does not pass the function on."""
    return isinstance(event.node, ast.Call) and (
        last_name(event.node.func) == event.text.rpartition(".")[2]
        or isinstance(event.node.func, ast.Name)
    )


def is_namesake(event: Event) -> bool:
    """Return whether a call with the name of a library belongs to another object: `self.requests.put()`."""
    match event.node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute())):
            owner, library = event.receiver, event.text.rpartition(".")[0]
            return isinstance(owner, Unknown) and owner.text == library and library.isidentifier()
        case _:
            return False


def reaching(endpoint: Endpoint, at: int, words: tuple[str, ...], *names: str) -> Iterator[Event]:
    """Calls of these functions in which the client chooses this argument."""
    for event in endpoint.calls(*names):
        if not event.module.inside or (event.text in names and is_namesake(event)):
            continue
        if from_client(argument(event, at, *words)):
            yield event


def level_of(endpoint: Endpoint) -> Level:
    """An outsider can misuse it, unless the handshake is refused without a credential."""
    return Level.WARNING if endpoint.authentication.kind == "guarded" else Level.ERROR


def sunk(endpoint: Endpoint, event: Event, message: str, fix: str = "") -> Found:
    """A finding at such a call, with the way to it."""
    return Found(
        event.module,
        event.node,
        message,
        fix=fix,
        steps=endpoint.steps(event),
        level=level_of(endpoint),
        subject=subject_of(event.module, scopes_of(event.module, event.node)),
    )
