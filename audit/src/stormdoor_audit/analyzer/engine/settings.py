"""Settings: values that an operator can change."""

from stormdoor_audit.analyzer.engine.context import Context
from stormdoor_audit.analyzer.engine.values import (
    Bound,
    Const,
    Ext,
    Opaque,
    Value,
    const,
    join,
    opaque,
    origins,
)

__all__ = ["as_data", "as_setting", "setting"]

_UNKNOWN = "unknown."
_OF_REQUESTS = frozenset({"client", "origin", "peer", "proven"})
"""Provenance of values that each request has anew: no settings."""


def setting(ctx: Context, name: str, shipped: Value) -> Value:
    """Return a setting: the chosen value, else the shipped one, with its name as provenance."""
    label = f"setting {name}"
    where = frozenset({label})
    ctx.shipped.setdefault(label, shipped)
    chosen = ctx.chosen.get(label)
    if chosen is not None:
        return chosen
    result: list[Value] = []
    for one in shipped:
        if isinstance(one, Const):
            result.append(const(one.value, one.origin | where, answer=one.answer))
        elif isinstance(one, Opaque):
            result.append(opaque(one.origin | where, one.label, truth=one.truth, kind=one.kind))
        else:
            result.append(frozenset({one}))
    return join(*result)


def as_data(ctx: Context, value: Value) -> Value:
    """Return a value that a condition tests, with attributes of unread objects as settings.

    An attribute of an object that was not read is a method where it is called, and data where it is tested.
    """
    result: list[Value] = []
    for one in value:
        name = one.function.name if isinstance(one, Bound) and isinstance(one.function, Ext) else ""
        if name.startswith(_UNKNOWN) and isinstance(one, Bound):
            label = f"setting {name.removeprefix(_UNKNOWN)}"
            where = origins(frozenset({one.owner}))
            if where & _OF_REQUESTS:
                result.append(opaque(where))
            else:
                result.append(ctx.chosen.get(label) or opaque(where | {label}))
        else:
            result.append(frozenset({one}))
    return join(*result)


def as_setting(ctx: Context, name: str, value: Value) -> Value:
    """Return a constant of the source as a setting: an operator, or the start of a program, can change it.

    Args:
        ctx: The execution.
        name: Dotted name of the variable, attribute or parameter.
        value: Its value; one that is no switch, or is of the client, is returned as it is.
    """
    if not value or origins(value) or not all(map(_is_switch, value)):
        return value
    return setting(ctx, name, value)


def _is_switch(one: object) -> bool:
    """Return True for True and for constants that are false: another value takes the other branch."""
    return isinstance(one, Const) and not one.answer and (one.value is True or not one.value)
