"""Settings: values that an operator can change."""

from stormdoor_audit.analyzer.engine.context import Context
from stormdoor_audit.analyzer.engine.values import (
    Const,
    Opaque,
    Value,
    const,
    join,
    opaque,
    origins,
)

__all__ = ["as_setting", "setting"]


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
