"""Variables: locals, those of a scope around, globals and builtins."""

from dataclasses import replace

from stormdoor_audit.analyzer.engine.context import Context
from stormdoor_audit.analyzer.engine.settings import as_setting
from stormdoor_audit.analyzer.engine.state import Store
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    TEXT,
    Activation,
    Ext,
    Opaque,
    Value,
    const,
    join,
    opaque,
)
from stormdoor_audit.analyzer.engine.words import is_credential

__all__ = ["assign", "lookup", "named"]


def lookup(ctx: Context, name: str, store: Store) -> Value:
    """Return the value of a name: a local, one of a scope around, a global, a builtin."""
    scope = ctx.scope
    if not scope.code.qualname and not scope.of_class:
        found = store.read(("module", scope.code.module), name) - ABSENT
        return as_setting(ctx, f"{scope.code.module}.{name}", found) or _builtin(name)
    if name in scope.code.local:
        found = store.get(name)
        if name in scope.shared:
            found = join(found, scope.names.get(name, frozenset()))
        if found or not scope.of_class:
            return found or opaque()
    outer = scope.parent
    while outer is not None and outer.code.qualname:
        if name in outer.names and not outer.of_class:
            return outer.names[name]
        outer = outer.parent
    found = store.read(("module", scope.code.module), name) - ABSENT
    return as_setting(ctx, f"{scope.code.module}.{name}", found) or _builtin(name)


def _builtin(name: str) -> Value:
    if name == "__name__":
        return const("__main__")
    if name in {"True", "False", "None"}:
        return const({"True": True, "False": False, "None": None}[name])
    return frozenset({Ext(name)})


def named(value: Value, name: str) -> Value:
    """Return a value with the name of a variable for a credential as its label."""
    if not is_credential(name):
        return value
    return frozenset(
        replace(one, label=name)
        if isinstance(one, Opaque) and not is_credential(one.label) and one.kind in {"", TEXT}
        else one
        for one in value
    )


def assign(ctx: Context, name: str, value: Value, store: Store) -> None:
    """Assign a variable of the present scope, or of one around it."""
    scope = ctx.scope
    if scope.of_class:
        store.set(name, value)
        scope.note(name, value)
    elif not scope.code.qualname:
        store.put(("module", scope.code.module), name, value)
    elif name in scope.code.outer:
        _assign_outer(scope, name, value, store)
    else:
        store.set(name, value)
        scope.note(name, value)


def _assign_outer(scope: Activation, name: str, value: Value, store: Store) -> None:
    outer = scope.parent
    while outer is not None and outer.code.qualname:
        if name in outer.code.local and not outer.of_class:
            outer.note(name, value)
            outer.shared.add(name)
            return
        outer = outer.parent
    store.put(("module", scope.code.module), name, value)
