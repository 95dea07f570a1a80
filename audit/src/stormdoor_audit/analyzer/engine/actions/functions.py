"""Actions of models: functions that are arguments, wrapped, or run later."""

from dataclasses import replace

from stormdoor_audit.analyzer.engine.containers import items_of
from stormdoor_audit.analyzer.engine.context import Action, Invocation, Result
from stormdoor_audit.analyzer.engine.state import Flow
from stormdoor_audit.analyzer.engine.values import (
    NONE,
    Bound,
    Cls,
    Ext,
    Func,
    Obj,
    Partial,
    Pending,
    const,
    join,
    opaque,
)

__all__ = ["TABLE"]


def _argument(call: Invocation) -> Result:
    """An argument itself, the first one if the model names no other."""
    return call.gives(call.given.at(call.model.at, call.model.named) or opaque())


def _owner(call: Invocation) -> Result:
    """The object itself."""
    return call.gives(frozenset({call.owner}) if call.owner is not None else NONE)


def _identity(call: Invocation) -> Result:
    """A decorator that changes nothing."""
    return call.gives(frozenset({Ext("<identity>")}))


def _identity_or_argument(call: Invocation) -> Result:
    """A decorator with or without arguments."""
    if any(isinstance(one, Func | Bound | Cls) for one in call.given.at(0)):
        return call.gives(call.given.at(0))
    return _identity(call)


def _partial(call: Invocation) -> Result:
    """A function with some of its arguments."""
    rest = call.given.positional[1:]
    return call.gives(frozenset(Partial(one, rest, call.given.words) for one in call.given.at(0)))


def _method(call: Invocation) -> Result:
    """A function bound to an object."""
    return call.gives(
        frozenset(Bound(one, two) for one in call.given.at(0) for two in call.given.at(1))
    )


def _call(call: Invocation) -> Result:
    """A call of the first argument with the others; a coroutine that it gives runs."""
    result: Result = []
    more = call.given._replace(positional=call.given.positional[1:])
    for state, made, value in call.call(call.given.at(0), more):
        result.extend(call.ctx.await_(value, state, made, call.flow))
    return result


def _call_second(call: Invocation) -> Result:
    """A call of the second argument with the others."""
    return _call(replace(call, given=call.given._replace(positional=call.given.positional[1:])))


def _gather(call: Invocation) -> Result:
    """Coroutines that run together: an exception of one is that of all, unless they are kept."""
    every = join(
        *call.given.positional,
        items_of(call.given.rest, call.store),
        *(
            items_of(one, call.store)
            for one in call.given.positional
            if any(isinstance(a, Obj) for a in one)
        ),
    )
    states: Result = call.gives(NONE)
    kept = call.given.at(-1, "return_exceptions") == const(True)
    for one in sorted(
        (a for a in every if isinstance(a, Pending)),
        key=lambda a: str(getattr(a.function, "code", "")),
    ):
        inner = Flow() if kept else call.flow
        states = [
            done
            for state, made, _ in states
            for done in call.ctx.await_(frozenset({one}), state, made, inner)
        ]
        if kept:
            states += [(state, made, opaque()) for state, made in inner.raises.items()]
    return [(state, made, opaque()) for state, made, _ in states]


def _coroutine(call: Invocation) -> Result:
    """A decorator: a call of the function gives an awaitable."""
    return call.gives(
        frozenset(
            replace(one, awaitable=True) if isinstance(one, Func) else one
            for one in call.given.at(0)
        )
    )


def _later(call: Invocation) -> Result:
    """A call by the loop, as an event of its own."""
    for value in call.given.positional:
        found = frozenset(one for one in value if isinstance(one, Func | Bound | Partial))
        if found and found not in call.ctx.later:
            call.ctx.later.append(found)
    return call.gives(opaque(kind="" if call.model.action == "later" else call.model.name))


TABLE: dict[str, Action] = {
    "argument": _argument,
    "call": _call,
    "call_second": _call_second,
    "coroutine": _coroutine,
    "gather": _gather,
    "identity": _identity,
    "identity_or_argument": _identity_or_argument,
    "later": _later,
    "later_object": _later,
    "method": _method,
    "owner": _owner,
    "partial": _partial,
}
