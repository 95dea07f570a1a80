"""Actions of models: values of the client and of the server, and values computed from them."""

from stormdoor_audit.analyzer.engine.constants import computed
from stormdoor_audit.analyzer.engine.containers import fill
from stormdoor_audit.analyzer.engine.context import Action, Invocation, Result
from stormdoor_audit.analyzer.engine.natives import NATIVE
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    EITHER,
    FALSE,
    NONE,
    TRUE,
    Const,
    Obj,
    Value,
    answered,
    const,
    join,
    label_of,
    labels,
    opaque,
    origins,
    text_of,
)

__all__ = ["CHANGED", "TABLE"]

CHANGED = "changed"
"""Holder of the parts of the request that the program has written; None of a removed one."""

_TRUTH = {"true": TRUE, "false": FALSE, "": EITHER}


def _source(call: Invocation) -> Result:
    """A value that the client chooses, named by an argument; it may be left out if there is a default."""
    name = text_of(call.given.at(call.model.at, call.model.named))
    given = call.ctx.part(name) if call.model.kind == "header" else frozenset()
    changed = call.store.read(CHANGED, name.lower()) if call.model.kind == "header" else frozenset()
    if changed and not changed & ABSENT:
        return call.gives(changed)
    if given:
        return call.gives(join(given, changed - ABSENT))
    default = (
        call.given.at(call.model.default, "default") if call.model.default >= 0 else frozenset()
    )
    label = name or ", ".join(
        sorted(labels(frozenset({call.owner}) if call.owner else frozenset()))
    )
    found = join(opaque(call.model.origin, label or "?"), _of_client(default))
    return call.gives(join(found, changed - ABSENT))


def _change(call: Invocation) -> Result:
    """Write a part of the request."""
    call.store.put(CHANGED, text_of(call.given.at(0)).lower(), call.given.at(1))
    return call.gives(NONE)


def _remove(call: Invocation) -> Result:
    """Remove a part of the request."""
    name = text_of(call.given.at(0)).lower()
    call.store.put(CHANGED, name, NONE)
    return call.gives(call.ctx.part(name) or opaque("client", name))


def _of_client(value: Value) -> Value:
    """Return a default: the client picks it by leaving the argument out."""
    return frozenset(
        one for one in value if not isinstance(one, Const) or one.value is None or one.value == ""
    )


def _sources(call: Invocation) -> Result:
    """A list of values that the client chooses."""
    cell = call.ctx.cell("list", "sources", call.ctx.line, call.ctx.scope.code)
    fill(
        call.store,
        cell,
        {},
        opaque(call.model.origin, text_of(call.given.at(call.model.at, call.model.named)) or "?"),
    )
    return call.gives(frozenset({Obj(cell)}))


def _opaque(call: Invocation) -> Result:
    """A value of which only the provenance is known, or a given part of the request."""
    label = call.model.name.rpartition(".")[2] if call.model.origin == "client" else ""
    given = call.ctx.part(call.model.named) if call.model.named else frozenset()
    if given:
        return call.gives(given)
    return call.gives(
        opaque(call.model.origin, label, truth=_TRUTH[call.model.truth], kind=call.model.kind)
    )


def _constant(call: Invocation) -> Result:
    """A constant, or a given part of the request."""
    return call.gives(call.ctx.part(call.model.named) or const(call.model.value))


def _nothing(call: Invocation) -> Result:
    """None, without an effect."""
    return call.gives(NONE)


def _derive(call: Invocation) -> Result:
    """A value made of the first argument; a client chooses it if it chooses the argument."""
    value = call.given.at(0)
    if any(answered(one) for one in value):
        return call.gives(value)
    where = origins(join(*call.given.all)) or frozenset({"server"})
    return call.gives(opaque(where, label_of(value), kind=call.model.kind))


def _parse(call: Invocation) -> Result:
    """The content of a text, as a mapping; nothing of an absent value."""
    value = call.given.at(0)
    if value and all(answered(one) for one in value):
        call.fail("TypeError", asked=True)
        return []
    where = origins(value) or frozenset({"server"})
    kind = "client.mapping" if "client" in where else ""
    return call.gives(opaque(where, label_of(value), truth=TRUE, kind=kind))


def _compute(call: Invocation) -> Result:
    """The result of a pure function of constants, as Python computes it."""
    found = computed(NATIVE[call.model.native], *call.given.positional)
    return call.gives(found) if found is not None else _derive(call)


TABLE: dict[str, Action] = {
    "change": _change,
    "remove": _remove,
    "compute": _compute,
    "constant": _constant,
    "derive": _derive,
    "nothing": _nothing,
    "opaque": _opaque,
    "parse": _parse,
    "source": _source,
    "sources": _sources,
}
