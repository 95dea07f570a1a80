"""Control flow: conditions, loops with a fixpoint, exceptions."""

from stormdoor_audit.analyzer.engine.conditions import Definitions, assume
from stormdoor_audit.analyzer.engine.containers import items_of, may_be_empty, sequence_of
from stormdoor_audit.analyzer.engine.context import Context, Step
from stormdoor_audit.analyzer.engine.errors import catches
from stormdoor_audit.analyzer.engine.state import Flow, States, Store, add
from stormdoor_audit.analyzer.engine.values import Const, Ext, Obj, Value, opaque, origins
from stormdoor_audit.analyzer.frontend import ir

__all__ = ["ERROR", "RETURN", "branch", "repeat", "try_"]

RETURN = "<return>"
ERROR = "<error>"
"""Variables with the returned value and the raised exception of an exit."""

_ROUNDS = 12
"""Rounds of a loop; the domain is finite, so this is a safeguard."""
_WIDEN = 3
_UNROLLED = 8
"""Items of a sequence that a loop takes one by one."""


def branch(
    ctx: Context, operation: ir.If, states: States, flow: Flow, definitions: Definitions
) -> States:
    """Execute `if`: each block begins with the states in which the test has its truth value."""
    then: States = {}
    other: States = {}
    for at, store in states.items():
        for wanted, into in ((True, then), (False, other)):
            for state, made in assume(
                Step(ctx, at, store, flow), operation.test, definitions, wanted=wanted
            ):
                add(into, state, made)
    result = ctx.run(operation.then, then, flow)
    _merge(result, ctx.run(operation.otherwise, other, flow))
    return result


def _merge(into: States, states: States) -> None:
    for at, store in states.items():
        add(into, at, store)


def repeat(
    ctx: Context, operation: ir.Loop, states: States, flow: Flow, definitions: Definitions
) -> States:
    """Execute a loop until the states at its head no longer change."""
    known = _known_items(operation, states)
    if known is not None:
        return _unrolled(ctx, operation, states, known, flow)
    head = {at: store.fork() for at, store in states.items()}
    ends: States = {}
    bottom: States = {}
    inner = Flow()
    for number in range(_ROUNDS):
        inner = Flow()
        ends, entered = _head(ctx, operation, (head, bottom), inner, definitions)
        bottom = ctx.run(operation.body, entered, inner)
        _merge(bottom, inner.continues)
        grown = {at: store.fork() for at, store in head.items()}
        _merge(grown, bottom)
        if number >= _WIDEN:
            grown = {at: _widened(store, head.get(at)) for at, store in grown.items()}
        if grown.keys() == head.keys() and all(grown[at].same(head[at]) for at in grown):
            break
        head = grown
    _merge(flow.returns, inner.returns)
    _merge(flow.raises, inner.raises)
    result = ctx.run(operation.otherwise, ends, flow)
    _merge(result, inner.breaks)
    return result


def _known_items(operation: ir.Loop, states: States) -> list[Value] | None:
    """Return the items of an iterated sequence that is the same and known in all states."""
    if operation.source < 0:
        return None
    found = [sequence_of(store.get(operation.source), store) for store in states.values()]
    first = found[0] if found else None
    if first is None or len(first) > _UNROLLED or any(one != first for one in found):
        return None
    return first


def _unrolled(
    ctx: Context, operation: ir.Loop, states: States, items: list[Value], flow: Flow
) -> States:
    """Execute the body once for each known item, in order."""
    broken: States = {}
    for item in items:
        inner = Flow(flow.returns, flow.raises, broken)
        entered = {}
        for at, store in states.items():
            entered[at] = store.fork()
            entered[at].set(operation.item, item)
        states = ctx.run(operation.body, entered, inner)
        _merge(states, inner.continues)
    result = ctx.run(operation.otherwise, states, flow)
    _merge(result, broken)
    return result


def _head(
    ctx: Context,
    operation: ir.Loop,
    states: tuple[States, States],
    flow: Flow,
    definitions: Definitions,
) -> tuple[States, States]:
    """Return the states behind a loop, and those at the beginning of its body.

    Behind a loop over items that are surely there, only states of the end of an iteration are left.
    """
    head, bottom = states
    ends: States = {}
    entered: States = {}
    if operation.source < 0:
        begun = {at: store.fork() for at, store in head.items()}
        for at, store in ctx.run(operation.condition, begun, flow).items():
            for wanted, into in ((True, entered), (False, ends)):
                for state, made in assume(
                    Step(ctx, at, store, flow), operation.test, definitions, wanted=wanted
                ):
                    add(into, state, made)
        return ends, entered
    for at, store in head.items():
        source = store.get(operation.source)
        item = items_of(source, store)
        if may_be_empty(source, store):
            add(ends, at, store.fork())
        if item:
            made = store.fork()
            made.set(operation.item, item)
            add(entered, at, made)
    for at, store in bottom.items():
        add(ends, at, store.fork())
    return ends, entered


def _widened(store: Store, before: Store | None) -> Store:
    """Return a store in which each value that still grows is opaque, if it is made of constants."""
    if before is None:
        return store
    made = store.fork()
    for name, value in store.values.items():
        if value != before.get(name) and all(isinstance(one, Const) for one in value):
            made.set(name, opaque(origins(value)))
    for holder in store.holders():
        old = before.content(holder)
        if store.content(holder) is old:
            continue
        for key, value in store.content(holder).items():
            if value != old.get(key) and value and all(isinstance(one, Const) for one in value):
                made.put(holder, key, opaque(origins(value)))
    return made


# exceptions


def try_(ctx: Context, operation: ir.Try, states: States, flow: Flow) -> States:
    """Execute `try`: the clauses get the exceptional exits of the block, `finally` all exits."""
    inner = Flow()
    ctx.tried += bool(operation.handlers)
    try:
        result = ctx.run(operation.body, states, inner)
    finally:
        ctx.tried -= bool(operation.handlers)
    raised, inner.raises = inner.raises, {}
    if operation.manager >= 0:
        _swallow(ctx, operation.manager, raised, result)
    result = ctx.run(operation.otherwise, result, inner)
    for at, store in raised.items():
        _handle(Step(ctx, at, store, inner), operation, result)
    if not operation.final:
        _merge(flow.returns, inner.returns)
        _merge(flow.raises, inner.raises)
        _merge(flow.breaks, inner.breaks)
        _merge(flow.continues, inner.continues)
        return result
    for exits, into in (
        (inner.returns, flow.returns),
        (inner.raises, flow.raises),
        (inner.breaks, flow.breaks),
        (inner.continues, flow.continues),
    ):
        _finally(ctx, operation.final, exits, into, flow)
    return ctx.run(operation.final, result, flow)


def _finally(ctx: Context, final: ir.Block, exits: States, into: States, flow: Flow) -> None:
    """Run `finally` on some exits; a `return` in it replaces them."""
    for at, store in exits.items():
        kept = {name: store.get(name) for name in (RETURN, ERROR)}
        for state, made in ctx.run(final, {at: store.fork()}, flow).items():
            for name, value in kept.items():
                made.set(name, value)
            add(into, state, made)


def _swallow(ctx: Context, manager: int, raised: States, result: States) -> None:
    """Go on behind a context manager that swallows exceptions of some types."""
    for at, store in list(raised.items()):
        for one in store.get(manager):
            model = ctx.models.members.get(one.cell.base) if isinstance(one, Obj) else None
            if model is not None and model.action == "suppress":
                add(result, at, store.fork())
                del raised[at]
                break


def _handle(step: Step, operation: ir.Try, result: States) -> None:
    """Run the clauses that may catch the exception of one state."""
    ctx, at, store, flow = step.ctx, step.at, step.store, step.flow
    remaining = {at: store}
    for handler in operation.handlers:
        computed = ctx.run(handler.block, remaining, flow)
        remaining = {}
        for state, made in computed.items():
            error = made.get(ERROR)
            types = made.get(handler.types) if handler.types >= 0 else _every()
            surely, perhaps = catches(ctx, error, types, made)
            if perhaps:
                caught = made.fork()
                if handler.name:
                    caught.set(handler.name, error)
                _merge(result, ctx.run(handler.body, {state: caught}, flow))
            if not surely:
                remaining[state] = made
        if not remaining:
            return
    _merge(flow.raises, remaining)


def _every() -> Value:
    return frozenset({Ext("BaseException")})
