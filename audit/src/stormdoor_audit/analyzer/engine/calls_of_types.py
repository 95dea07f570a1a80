"""Action functions about attributes and types: `getattr`, `isinstance`, `super`, `type`."""

from stormdoor_audit.analyzer.engine import attributes
from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.containers import items_of, keys_of
from stormdoor_audit.analyzer.engine.context import Action, Arguments, Context, Invocation, Result
from stormdoor_audit.analyzer.engine.creation import create_class
from stormdoor_audit.analyzer.engine.state import Flow, Store
from stormdoor_audit.analyzer.engine.values import (
    EITHER,
    NONE,
    Activation,
    Bound,
    Cls,
    Const,
    Ext,
    Func,
    Obj,
    Opaque,
    Super,
    Value,
    answered,
    const,
    join,
    opaque,
)

__all__ = ["TABLE"]


def _names(value: Value) -> list[str]:
    return [str(one.value) for one in value if isinstance(one, Const)]


def _getattr(call: Invocation) -> Result:
    names = _names(call.given.at(1))
    if not names or len(names) != len(call.given.at(1)):
        names = _possible_names(call.given)
    if not names:
        return call.gives(opaque())
    result: Result = []
    inner = Flow() if len(call.given.positional) > 2 else call.flow
    for name in names:
        result.extend(call.ctx.attribute(call.given.at(0), name, call.at, call.store.fork(), inner))
    if inner is not call.flow and (inner.raises or not result):
        result.append((call.at, call.store, call.given.at(2)))
    return result


def _possible_names(given: Arguments) -> list[str]:
    """Return the methods that a name with a known beginning may mean."""
    prefixes = [
        one.kind.removeprefix("prefix ")
        for one in given.at(1)
        if isinstance(one, Opaque) and one.kind.startswith("prefix ")
    ]
    return sorted(
        {
            name
            for one in given.at(0)
            if isinstance(one, Obj) and one.cell.info is not None
            for info in one.cell.info.order
            if isinstance(info, ClassInfo)
            for name in info.methods
            if any(name.startswith(prefix) for prefix in prefixes)
        }
    )


def _setattr(call: Invocation) -> Result:
    names = _names(call.given.at(1))
    for name in names if len(names) == len(call.given.at(1)) else [attributes.ANY_NAME]:
        attributes.put(call, call.given.at(0), name, call.given.at(2))
    return call.gives(NONE)


def _hasattr(call: Invocation) -> Result:
    inner = Flow()
    answers: list[Value] = []
    for name in _names(call.given.at(1)):
        found = call.ctx.attribute(call.given.at(0), name, call.at, call.store.fork(), inner)
        answers.extend(const(True) for _ in found[:1])
        if inner.raises or not found:
            answers.append(const(False, answer=any(answered(one) for one in call.given.at(0))))
    return call.gives(join(*answers) if answers else opaque())


def _isinstance(call: Invocation) -> Result:
    types = {name for one in call.given.at(1) for name in _type_names(call.ctx, one, call.store)}
    result: list[Value] = []
    for one in call.given.at(0):
        match one:
            case Const(value=value, answer=answer) if types:
                result.append(const(type(value).__name__ in types, answer=answer))
            case Opaque(answer=True):
                result.append(const(False, answer=True))
            case Obj(cell=cell) if cell.kind != "object" and types:
                result.append(const(cell.kind in types))
            case _:
                result.append(opaque(getattr(one, "origin", frozenset({"server"}))))
    return call.gives(join(*result) if result else opaque())


def _type_names(ctx: Context, one: object, store: Store) -> list[str]:
    if isinstance(one, Ext):
        return [one.name]
    if isinstance(one, Obj):
        return [
            name
            for item in items_of(frozenset({one}), store)
            for name in _type_names(ctx, item, store)
        ]
    return []


def _super(call: Invocation) -> Result:
    where, owner = call.given.at(0), call.given.at(1)
    scope = call.ctx.scope
    if not where:
        where = frozenset({Cls(scope.owner)}) if isinstance(scope.owner, ClassInfo) else where
        owner = _first_argument(scope)
    found: Value = frozenset(
        Super(one.info, two)
        for one in where
        if isinstance(one, Cls)
        for two in owner
        if isinstance(two, Obj | Cls)
    )
    return call.gives(found or opaque())


def _first_argument(scope: Activation | None) -> Value:
    """Return the first argument of a method, also for a function inside it."""
    while scope is not None:
        names = scope.names
        first = next((one for one in ("self", "cls") if one in names), next(iter(names), ""))
        if names.get(first):
            return names[first]
        scope = scope.parent
    return frozenset()


def _type(call: Invocation) -> Result:
    if len(call.given.positional) >= 3:
        return call.gives(frozenset({Cls(_made(call.ctx, call.given, call.store))}))
    found: list[Value] = []
    for one in call.given.at(0):
        if isinstance(one, Obj) and one.cell.info is not None:
            found.append(frozenset({Cls(one.cell.info)}))
        elif isinstance(one, Cls):
            found.append(frozenset({Ext("type")}))
        else:
            found.append(opaque())
    return call.gives(join(*found) if found else opaque())


def _made(ctx: Context, given: Arguments, store: Store) -> ClassInfo:
    """Return the class that `type(name, bases, body)` makes."""
    name = next(iter(_names(given.at(0))), "type")
    bases = [
        store.read(one.cell, ("key", key))
        for one in given.at(1)
        if isinstance(one, Obj)
        for key in keys_of(frozenset({one}), store)
    ]
    place = (name, ctx.module, ctx.line, ctx.line)
    made = create_class(ctx, name, bases, ("type", ctx.module, ctx.line), place)
    for one in given.at(2):
        if isinstance(one, Obj):
            for key in keys_of(frozenset({one}), store):
                store.put(made, str(key), store.read(one.cell, ("key", key)))
    return made


def _callable(call: Invocation) -> Result:
    found = [
        const(True) if isinstance(one, Func | Bound | Cls | Ext) else opaque(truth=EITHER)
        for one in call.given.at(0)
        if not (isinstance(one, Const) and one.value is None)
    ]
    if any(isinstance(one, Const) and one.value is None for one in call.given.at(0)):
        found.append(const(False))
    return call.gives(join(*found))


TABLE: dict[str, Action] = {
    "callable": _callable,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "issubclass": lambda call: call.gives(opaque()),
    "setattr": _setattr,
    "super": _super,
    "type": _type,
}
