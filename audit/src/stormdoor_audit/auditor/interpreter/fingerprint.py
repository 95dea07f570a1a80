"""Equality of two states: all that a choice can depend on, as a key."""

from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Environment,
    Function,
    Instance,
    Mapping,
    Named,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
)

__all__ = ["attrs_key", "env_key", "key_of", "outer_keys"]


def outer_keys(frames: list[Frame]) -> tuple[object, ...]:
    """The names of the calls around."""
    return tuple(env_key(frame.env) for frame in frames[-3:])


def env_key(env: Environment) -> tuple[object, ...]:
    """The names of one call."""
    return tuple((name, key_of(value, 2)) for name, value in sorted(env.names.items()))


def attrs_key(instance: Instance | None) -> tuple[object, ...]:
    """The attributes of the handler."""
    if instance is None:
        return ()
    return tuple((name, key_of(value, 2)) for name, value in sorted(instance.attrs.items()))


def key_of(value: Value, depth: int) -> object:
    """A value, as deep as it is told apart."""
    match value:
        case Const():
            try:
                hash(value.value)
            except TypeError:
                return ("const", repr(value.value)[:200])
            return ("const", type(value.value).__name__, value.value)
        case Unknown():
            written = tuple((name, key_of(one, 0)) for name, one in (value.written or {}).items())
            return ("unknown", value.labels, value.truthy, value.text, written)
        case Function():
            return ("function", id(value.node))
        case Nobody():
            return ("nobody", value.truthy)
        case Setting():
            return ("setting", value.name)
        case Sequence() if depth:
            return ("seq", tuple(key_of(item, depth - 1) for item in value.items[:8]))
        case Mapping() if depth:
            return (
                "map",
                tuple((str(key), key_of(item, depth - 1)) for key, item in value.items.items()),
            )
        case Instance() if depth and not value.handler:
            return (
                id(value.info),
                tuple((name, key_of(one, depth - 1)) for name, one in value.attrs.items()),
            )
        case Named():
            return ("named", value.name)
        case Special():
            return ("special", value.kind)
        case ClassRef():
            return ("class", id(value.info))
        case Bound():
            return ("bound", key_of(value.function, depth - 1) if depth else 0)
        case Coroutine():
            return ("coroutine", id(value.function.node))
        case _:
            return type(value).__name__
