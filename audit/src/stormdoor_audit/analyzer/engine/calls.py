"""Calls: functions of the program, classes, bound and partial functions."""

from dataclasses import replace

from stormdoor_audit.analyzer.engine import library
from stormdoor_audit.analyzer.engine.attributes import class_member
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.containers import GENERATOR, fill
from stormdoor_audit.analyzer.engine.context import Arguments, Context, Invocation, Result, Step
from stormdoor_audit.analyzer.engine.control import RETURN
from stormdoor_audit.analyzer.engine.settings import as_setting
from stormdoor_audit.analyzer.engine.state import Flow, Store, add
from stormdoor_audit.analyzer.engine.values import (
    NONE,
    TEXT,
    Activation,
    Atom,
    Bound,
    Cls,
    Const,
    Ext,
    Func,
    Obj,
    Opaque,
    Partial,
    Pending,
    Value,
    Wrapped,
    answered,
    join,
    opaque,
)
from stormdoor_audit.analyzer.engine.words import is_credential

__all__ = ["call_atom", "instance", "run_function"]

_CONSTRUCTORS = frozenset({"__init__", "initialize"})
"""Functions with settings as parameters: a program gives them when it starts."""
_DEEPEST = 40
_RECURSION = 3
"""Calls of one function inside each other; the result of a deeper one is not known."""


def call_atom(step: Step, function: Atom, given: Arguments) -> Result:
    """Call one atom."""
    match function:
        case Func(code=code) if function.awaitable or (code.coroutine and not code.generator):
            return step.gives(frozenset({Pending(function, given.positional, given.words)}))
        case Func():
            return run_function(step, function, given)
        case Bound(function=inner, owner=owner) if isinstance(inner, Ext):
            return library.call(step, inner.name, owner, given)
        case Bound() | Partial():
            return call_atom(step, function.function, _with_own(function, given))
        case Cls(info=info):
            return instance(step, info, given)
        case Ext(name=name):
            return library.call(step, name, None, given)
        case Wrapped(function=inner):
            return step.call(inner, given)
        case Obj():
            return _call_object(step, function, given)
        case Const(value=None) | Opaque(answer=True):
            step.fail("TypeError", asked=answered(function))
            return []
        case Opaque(label=label):
            return library.call_unread(_unread(step, label, given, function))
        case _:
            return step.gives(opaque())


def _with_own(function: Bound | Partial, given: Arguments) -> Arguments:
    """Return the arguments of a call with those that the function has."""
    if isinstance(function, Bound):
        return given._replace(positional=(frozenset({function.owner}), *given.positional))
    return given._replace(
        positional=(*function.arguments, *given.positional), words=(*function.words, *given.words)
    )


def _call_object(step: Step, function: Obj, given: Arguments) -> Result:
    """Call an object: its method `__call__`, if the program has it."""
    info = function.cell.info
    found = class_member(step.ctx, info, "__call__", step.store)[0] if info else frozenset()
    bound: Value = frozenset(Bound(one, function) for one in found if isinstance(one, Func))
    if bound:
        return step.call(bound, given)
    return library.call_unread(_unread(step, "", given))


def _unread(step: Step, name: str, given: Arguments, owner: Atom | None = None) -> Invocation:
    return Invocation(step.ctx, step.at, step.store, step.flow, name, given, owner)


def run_function(step: Step, function: Func, given: Arguments) -> Result:
    """Execute the body of a function; deeper than the safeguard its result is not known."""
    ctx = step.ctx
    ctx.spend()
    if ctx.depth > _DEEPEST or ctx.active[function.code] >= _RECURSION:
        return step.gives(opaque())
    values = bind(ctx, function, given, step.store)
    scope = _activation(ctx, function, values)
    ctx.active[function.code] += 1
    try:
        return _execute(step, function, scope, values)
    finally:
        ctx.active[function.code] -= 1


def _execute(
    step: Step, function: Func, scope: Activation, values: dict[str | int, Value]
) -> Result:
    ctx, code = step.ctx, function.code
    callers = step.store.values
    inner = Flow()
    before, ctx.scope, line = ctx.scope, scope, ctx.line
    ctx.depth += 1
    try:
        ends = ctx.run(code.body, {step.at: step.store.with_values(values)}, inner)
    finally:
        ctx.depth -= 1
        ctx.scope, ctx.line = before, line
    for state, made in inner.raises.items():
        error = made.get("<error>")
        raised = made.with_values(dict(callers))
        raised.set("<error>", error)
        add(step.flow.raises, state, raised)
    result: Result = []
    for state, made in inner.returns.items():
        result.append((state, made.with_values(dict(callers)), made.get(RETURN)))
    for state, made in ends.items():
        result.append((state, made.with_values(dict(callers)), NONE))
    if code.generator and not function.awaitable:
        return _generated(ctx, code.line, scope, result)
    return result


def _generated(ctx: Context, line: int, scope: Activation, result: Result) -> Result:
    """Return the iterator that a call of a generator gives, with all that it yields."""
    made: Result = []
    for at, store, _ in result:
        cell = ctx.cell("list", "generator", line, scope, base=GENERATOR)
        fill(store, cell, {}, scope.names.get("<yield>", frozenset()))
        made.append((at, store, frozenset({Obj(cell)})))
    return made


def bind(ctx: Context, function: Func, given: Arguments, store: Store) -> dict[str | int, Value]:
    """Return the values of the parameters."""
    parameters = function.parameters
    values: dict[str | int, Value] = {}
    names, words = parameters.names, dict(given.words)
    first = len(names) - len(function.defaults)
    for at, name in enumerate(names):
        if at < len(given.positional):
            values[name] = given.positional[at]
        elif name in words:
            values[name] = words.pop(name)
        else:
            default = function.defaults[at - first] if at >= first else frozenset()
            extra = join(given.rest, given.more)
            if ctx.handler is None or function.code.name in _CONSTRUCTORS:
                default = as_setting(ctx, f"{function.code.qualname}.{name}", default)
            values[name] = join(default, extra) if extra or default else opaque()
    for (name, _), default_ in zip(parameters.only, function.only, strict=True):
        values[name] = words.pop(name, default_ if default_ is not None else opaque())
    for name in [one for one in values if isinstance(one, str) and is_credential(one)]:
        values[name] = frozenset(
            replace(one, label=str(name))
            if isinstance(one, Opaque) and not is_credential(one.label) and one.kind in {"", TEXT}
            else one
            for one in values[name]
        )
    if parameters.rest:
        rest = list(given.positional[len(names) :])
        cell = ctx.cell("tuple", "rest", function.code, tuple(rest))
        fill(store, cell, dict(enumerate(rest)), given.rest)
        values[parameters.rest] = frozenset({Obj(cell)})
    if parameters.words:
        cell = ctx.cell("dict", "words", function.code, tuple(sorted(words)))
        fill(store, cell, {name: value for name, value in words.items() if name}, given.more)
        values[parameters.words] = frozenset({Obj(cell)})
    return values


def _activation(ctx: Context, function: Func, values: dict[str | int, Value]) -> Activation:
    key = (function.code, function.scope, frozenset(values.items()))
    known = ctx.activations.get(key)
    if known is None:
        owner = function.scope.owner
        known = Activation(function.code, function.scope, owner)
        ctx.activations[key] = known
    for name, value in values.items():
        if isinstance(name, str):
            known.note(name, value)
    return known


# classes


def instance(step: Step, info: ClassInfo, given: Arguments) -> Result:
    """Make an object of a class of the program and run its `__init__`."""
    ctx, store = step.ctx, step.store
    owner = Obj(ctx.cell("object", "instance", ctx.line, ctx.scope.code, info=info))
    made: Value = frozenset({owner})
    value, model = class_member(ctx, info, "__init__", store)
    methods: Value = frozenset(Bound(one, owner) for one in value if isinstance(one, Func))
    if not methods and model is not None:
        methods = frozenset({Bound(Ext(model), owner)})
    if methods:
        return [(state, after, made) for state, after, _ in step.call(methods, given)]
    for number, one in enumerate(given.positional):
        store.put(owner.cell, ("argument", number), one)
    for word, one in given.words:
        store.put(owner.cell, word, one)
    return step.gives(made)
