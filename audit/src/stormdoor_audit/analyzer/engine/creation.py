"""Creation of classes: one class for each statement and each choice of bases."""

from collections.abc import Hashable

from stormdoor_audit.analyzer.engine.classes import base_of, linearize
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.context import Context
from stormdoor_audit.analyzer.engine.values import Atom, Cls, Ext, Value

__all__ = ["create_class"]


def create_class(
    ctx: Context,
    name: str,
    bases: list[Value],
    key: tuple[Hashable, ...],
    place: tuple[str, str, int, int],
) -> ClassInfo:
    """Return the class that a statement or a call of `type` makes; the same one for the same bases.

    Args:
        ctx: The execution.
        name: Its name.
        bases: Its bases.
        key: The statement.
        place: Dotted names of it and of its module, and its first and last line.
    """
    chosen = [_preferred(ctx, one) for one in bases]
    identity = (*key, tuple(chosen))
    known = ctx.classes.get(identity)
    if known is None:
        qualname, module, line, end = place
        known = ClassInfo(name, qualname, module, line, end)
        known.bases = [one for one in chosen if one is not None and one != "object"]
        known.unread = any(one is None for one in chosen) or any(
            isinstance(one, ClassInfo) and one.unread for one in known.bases
        )
        known.order = linearize(known, ctx.models.orders)
        known.unread = known.unread or any(
            isinstance(one, str)
            and one not in ctx.models.orders
            and not any(name.startswith(f"{one}.") for name in ctx.models.members)
            and "." in one
            for one in known.bases
        )
        ctx.classes[identity] = known
    return known


def _preferred(ctx: Context, base: Value) -> "ClassInfo | str | None":
    """Return the class of a base; of several the handler."""
    found = [one for one in map(base_of, sorted(base, key=_place)) if one is not None]
    for one in found:
        if isinstance(one, ClassInfo) and any(
            isinstance(name, str) and name in ctx.models.orders for name in one.order
        ):
            return one
        if isinstance(one, str) and one in ctx.models.orders:
            return one
    return found[0] if found else None


def _place(atom: Atom) -> tuple[str, str, int]:
    """Return the order of atoms in a list of bases: it depends on the source alone."""
    if isinstance(atom, Cls):
        return type(atom).__name__, f"{atom.info.module}.{atom.info.qualname}", atom.info.line
    return type(atom).__name__, atom.name if isinstance(atom, Ext) else "", 0
