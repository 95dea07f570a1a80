"""Calls of code that is not part of the program: modelled, builtin, or unread."""

from collections.abc import Callable
from dataclasses import replace

from stormdoor_audit.analyzer.engine import actions, builtin, methods
from stormdoor_audit.analyzer.engine.containers import contents_of
from stormdoor_audit.analyzer.engine.context import Arguments, Context, Invocation, Result, Step
from stormdoor_audit.analyzer.engine.values import (
    FALSE,
    NONE,
    SERVER,
    Atom,
    Bound,
    Const,
    Func,
    Obj,
    Partial,
    Value,
    answered,
    join,
    labels,
    opaque,
    origins,
)
from stormdoor_audit.analyzer.engine.words import is_check, is_credential

__all__ = ["call", "call_unread"]

_KINDS: dict[str, Callable[[Invocation], Result | None]] = {
    "container": methods.of_container,
    "constant": methods.of_constant,
    "object": methods.of_object,
    "text": methods.of_text,
}

_TESTS_OF_TEXT = frozenset({"count", "endswith", "find", "index", "rfind", "rindex", "startswith"})
"""Methods of text that an empty argument passes: the client sends it."""


def call(step: Step, name: str, owner: Atom | None, given: Arguments) -> Result:
    """Call an object of a library by its dotted name.

    Args:
        step: The operation.
        name: The name; of a method of a value of the program it begins with `container.`, `constant.`,
            `object.` or `unknown.`.
        owner: The object of a method.
        given: The arguments.
    """
    invocation = Invocation(step.ctx, step.at, step.store, step.flow, name, given, owner)
    kind, _, last = name.partition(".")
    special = _KINDS.get(kind)
    if special is not None and owner is not None:
        found = special(replace(invocation, name=last))
        if found is not None:
            return found
    model = step.ctx.models.members.get(name)
    if model is not None:
        return actions.run(replace(invocation, model=model))
    if (special is not None and owner is not None) or kind == "unknown":
        return call_unread(replace(invocation, name=last))
    if owner is None and name in builtin.TABLE:
        return builtin.TABLE[name](invocation)
    if owner is None and name.rpartition(".")[2][:1].isupper():
        return _constructed(invocation)
    return call_unread(invocation)


def _constructed(call: Invocation) -> Result:
    """Make an object of a class that was not read."""
    ctx, store = call.ctx, call.store
    cell = ctx.cell("object", "instance", ctx.line, ctx.scope.code, base=call.name)
    for number, value in enumerate(call.given.positional):
        store.put(cell, ("argument", number), value)
    for word, value in call.given.words:
        store.put(cell, word, value)
    return call.gives(frozenset({Obj(cell)}))


def call_unread(call: Invocation) -> Result:
    """Call code that was not read.

    With a credential of the client, or with the answer of another check, it is a check by itself: its answer
    is negative. Where the source does not use the result, or is prepared for an exception, it raises.
    """
    ctx, given, at, store = call.ctx, call.given, call.at, call.store
    _remember_callbacks(ctx, given)
    values = [*given.all, *([frozenset({call.owner})] if call.owner is not None else [])]
    everything = contents_of(join(*values), store)
    from_client = "client" in origins(join(*given.all))
    if call.name in _TESTS_OF_TEXT and from_client and not any(map(answered, everything)):
        return call.gives(opaque(origins(everything) or SERVER))
    if _is_check(call.name, everything):
        ctx.unread = True
        ctx.note("check", at)
        if ctx.discarded or ctx.tried:
            ctx.fail(at, store, call.flow, opaque(answer=True), asked=True)
            return []
        default = given.at(1, "default") if call.name in {"get", "pop", "setdefault"} else NONE
        return call.gives(join(opaque(answer=True, truth=FALSE), default - NONE))
    if at.stage != "before":
        ctx.note("act", at)
    if "client" not in origins(everything):
        label = f"setting {call.name}({', '.join(_texts(given))})"
        chosen = ctx.chosen.get(label)
        where = SERVER | (origins(everything) - {"proven"}) | {label}
        return call.gives(chosen if chosen is not None else opaque(where))
    return call.gives(opaque(SERVER | origins(everything) - {"proven"}))


def _texts(given: Arguments) -> list[str]:
    return [
        text
        for value in given.positional
        for text in sorted(str(one.value) for one in value if isinstance(one, Const))
    ]


def _is_check(name: str, values: Value) -> bool:
    if any(answered(one) for one in values):
        return True
    from_client = "client" in origins(values)
    return from_client and (
        is_check(name.rpartition(".")[2]) or any(map(is_credential, labels(values)))
    )


def _remember_callbacks(ctx: Context, given: Arguments) -> None:
    for value in given.all:
        found = frozenset(one for one in value if isinstance(one, Func | Bound | Partial))
        if found and found not in ctx.later:
            ctx.later.append(found)
