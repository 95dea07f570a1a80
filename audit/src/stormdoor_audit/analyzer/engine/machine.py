"""The engine: executes blocks on states by property state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from stormdoor_audit.analyzer.engine import attributes, calls, control
from stormdoor_audit.analyzer.engine.conditions import Definitions, parts
from stormdoor_audit.analyzer.engine.context import Arguments, Context, Result, Step
from stormdoor_audit.analyzer.engine.control import ERROR, RETURN
from stormdoor_audit.analyzer.engine.creation import create_class
from stormdoor_audit.analyzer.engine.operations import OPERATIONS
from stormdoor_audit.analyzer.engine.state import (
    Flow,
    PropertyState,
    States,
    Store,
    add,
)
from stormdoor_audit.analyzer.engine.values import (
    ABSENT,
    NONE,
    Activation,
    Atom,
    Bound,
    Cls,
    Const,
    Ext,
    Func,
    Module,
    Obj,
    Pending,
    Value,
    Wrapped,
    join,
    may_be,
    opaque,
)
from stormdoor_audit.analyzer.frontend import ir

__all__ = ["Engine"]


class Modules(Protocol):
    """The modules of the program."""

    def find(self, name: str, near: str = "") -> str | None:
        """Return the module that an import in another one means; None of a library."""

    def code(self, name: str) -> ir.Code | None:
        """Return the code of a module."""

    def is_package(self, name: str) -> bool:
        """Return True if a module is a package."""


class Engine(Context):
    """One execution of a program.

    Args:
        models: Models of libraries.
        modules: Code of the modules of the program.
        chosen: Values of settings in place of the shipped ones.
    """

    def __init__(
        self, models: Any, modules: Modules, chosen: dict[str, Value] | None = None
    ) -> None:
        super().__init__(models, chosen or {})
        self.modules = modules
        self.loaded: dict[str, Activation] = {}
        self.entry = ""
        self._definitions: dict[ir.Code, Definitions] = {}
        self._control: dict[type[ir.Operation], Callable[..., States]] = {
            ir.If: lambda op, states, flow: control.branch(self, op, states, flow, self._known()),
            ir.Loop: lambda op, states, flow: control.repeat(self, op, states, flow, self._known()),
            ir.Try: lambda op, states, flow: control.try_(self, op, states, flow),
            ir.Return: self._return,
            ir.Raise: self._raise,
            ir.Jump: self._jump,
            ir.Class: self._class,
            ir.Import: self._import,
        }

    def _known(self) -> Definitions:
        """Return the definitions of the registers of the present code."""
        code = self.scope.code
        known = self._definitions.get(code)
        if known is None:
            known = self._definitions[code] = {}
            _define(code.body, known)
        return known

    def run(self, block: ir.Block, states: States, flow: Flow) -> States:
        """Execute a block and return the states at its end."""
        for operation in block:
            if not states:
                break
            self.spend(len(states))
            self.line = operation.line or self.line
            structured = self._control.get(type(operation))
            if structured is not None:
                states = structured(operation, states, flow)
                continue
            execute = OPERATIONS[type(operation)]
            after: States = {}
            for at, store in states.items():
                for state, made, value in execute(Step(self, at, store, flow), operation):
                    made.set(operation.to, value)
                    add(after, state, made)
            states = after
        return states

    def _return(self, operation: ir.Return, states: States, flow: Flow) -> States:
        for at, store in states.items():
            made = store.fork()
            made.set(RETURN, store.get(operation.value))
            add(flow.returns, at, made)
        return {}

    def _raise(self, operation: ir.Raise, states: States, flow: Flow) -> States:
        for at, store in states.items():
            made = store.fork()
            value = store.get(operation.value) if operation.value >= 0 else store.get(ERROR)
            result = self._returned(value, store)
            made.set(ERROR if result is None else RETURN, value if result is None else result)
            add(flow.raises if result is None else flow.returns, at, made)
        return {}

    def _returned(self, value: Value, store: Store) -> Value | None:
        """Return the result of a coroutine that ends by an exception for it; None of other exceptions."""
        for one in value:
            model = self.models.members.get(one.cell.base if isinstance(one, Obj) else "")
            if model is not None and model.action == "returned" and isinstance(one, Obj):
                return store.read(one.cell, ("argument", 0)) or NONE
        return None

    def _jump(self, operation: ir.Jump, states: States, flow: Flow) -> States:
        into = flow.breaks if operation.kind == "break" else flow.continues
        for at, store in states.items():
            add(into, at, store)
        return {}

    def fail(
        self, at: PropertyState, store: Store, flow: Flow, error: Value, *, asked: bool = False
    ) -> None:
        """Raise an exception here."""
        made = store.fork()
        made.set(ERROR, error)
        add(flow.raises, at._replace(asked=True) if asked else at, made)

    # calls

    def call(
        self, function: Value, given: Arguments, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Call each atom of a value, and join the exits with equal property states."""
        found: dict[PropertyState, tuple[Store, Value]] = {}
        for atom in function or opaque():
            for state, made, value in self.call_atom(atom, given, at, store.fork(), flow):
                known = found.get(state)
                if known is None:
                    found[state] = (made, value)
                else:
                    found[state] = (known[0].joined(made), join(known[1], value))
        return [(state, made, value) for state, (made, value) in found.items()]

    def call_atom(
        self, function: Atom, given: Arguments, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Call one atom."""
        return calls.call_atom(Step(self, at, store, flow), function, given)

    def attribute(
        self, of: Value, name: str, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Read an attribute."""
        return attributes.get(Step(self, at, store, flow), of or opaque(), name)

    def await_(self, value: Value, at: PropertyState, store: Store, flow: Flow) -> Result:
        """Run the coroutines of a value; other atoms are their own result."""
        plain = frozenset(one for one in value if not isinstance(one, Pending))
        result: Result = [(at, store, plain)] if plain else []
        for one in value:
            if isinstance(one, Pending) and isinstance(one.function, Func):
                given = Arguments(one.arguments, one.words)
                step = Step(self, at, store.fork(), flow)
                result.extend(calls.run_function(step, one.function, given))
        return result

    def truth(
        self, value: Value, at: PropertyState, store: Store, *, wanted: bool
    ) -> Sequence[tuple[PropertyState, Value]]:
        """Return the parts of a value with a truth, each with the property state behind the test."""
        holding = frozenset(one for one in value if may_be(one, truth=wanted))
        return list(parts(self, holding, at, value))

    # classes

    def _class(self, operation: ir.Class, states: States, flow: Flow) -> States:
        result: States = {}
        for at, store in states.items():
            for state, made, value in self._created(operation, at, store, flow):
                made.set(operation.to, value)
                add(result, state, made)
        return result

    def _created(self, operation: ir.Class, at: PropertyState, store: Store, flow: Flow) -> Result:
        code = operation.code
        bases = [store.get(one) for one in operation.bases]
        place = (code.qualname, code.module, code.line, code.end)
        info = create_class(self, code.name, bases, ("class", code, self.scope), place)
        info.assigned = frozenset(set_attributes(code.body))
        scope = Activation(code, self.scope, info, of_class=True)
        callers, before = store.values, self.scope
        self.scope = scope
        try:
            ends = self.run(code.body, {at: store.with_values({})}, flow)
        finally:
            self.scope = before
        result: Result = []
        for state, made in ends.items():
            for name, value in made.values.items():
                if isinstance(name, str) and not name.startswith("<"):
                    made.put(info, name, value)
                    info.methods.add(name)
            whole = made.with_values(dict(callers))
            result.extend(self._hooked(info, state, whole, flow))
        return result

    def _hooked(self, info: Any, at: PropertyState, store: Store, flow: Flow) -> Result:
        """Call `__init_subclass__` of the bases."""
        made: Value = frozenset({Cls(info)})
        for base in info.order[1:]:
            hook = (
                store.read(base, "__init_subclass__") - ABSENT
                if not isinstance(base, str)
                else frozenset()
            )
            functions = frozenset(
                inner
                for one in hook
                for inner in (one.function if isinstance(one, Wrapped) else {one})
            )
            if functions:
                bound: Value = frozenset(Bound(one, Cls(info)) for one in functions)
                return [
                    (state, after, made)
                    for state, after, _ in self.call(bound, Arguments(), at, store, flow)
                ]
        return [(at, store, made)]

    # modules

    def _import(self, operation: ir.Import, states: States, flow: Flow) -> States:
        result: States = {}
        for at, store in states.items():
            made = store.fork()
            value, after = self._imported(operation, at, made)
            after.set(operation.to, value)
            add(result, at, after)
        return result

    def _imported(
        self, operation: ir.Import, at: PropertyState, store: Store
    ) -> tuple[Value, Store]:
        module = self._absolute(operation)
        module = self.modules.find(module, self.module) or module
        name = operation.name
        loaded = self.load_module(module, at, store)
        if loaded is not None:
            _, store = loaded
        if name is None:
            return frozenset({Module(module) if loaded is not None else Ext(module)}), store
        if loaded is None:
            inner = self.load_module(f"{module}.{name}" if module else name, at, store)
            if inner is not None:
                return frozenset({Module(f"{module}.{name}" if module else name)}), inner[1]
            return frozenset({Ext(f"{module}.{name}")}), store
        if name == "*":
            self._import_all(module, store)
            return NONE, store
        found = store.read(("module", module), name)
        if not found:
            inner = self.load_module(f"{module}.{name}", at, store)
            if inner is not None:
                return frozenset({Module(f"{module}.{name}")}), inner[1]
        return found or opaque(), store

    def _import_all(self, module: str, store: Store) -> None:
        for key, value in list(store.content(("module", module)).items()):
            if isinstance(key, str) and not key.startswith("_"):
                store.put(("module", self.module), key, value)

    def _absolute(self, operation: ir.Import) -> str:
        if not operation.level:
            return operation.module
        parts_of = self.module.split(".")
        kept = parts_of[: len(parts_of) - operation.level]
        if self.modules.is_package(self.module):
            kept = parts_of[: len(parts_of) - operation.level + 1]
        return ".".join([*kept, *([operation.module] if operation.module else [])])

    def load_module(
        self, name: str, at: PropertyState, store: Store
    ) -> tuple[Activation, Store] | None:
        """Execute a module of the program once; None if it is not part of it."""
        code = self.modules.code(name)
        if name in self.loaded:
            return self.loaded[name], store
        if code is None:
            return None
        scope = Activation(code)
        self.loaded[name] = scope
        callers, before, line = store.values, self.scope, self.line
        main = const_name(name, self.entry)
        store.put(("module", name), "__name__", main)
        self.scope = scope
        flow = Flow()
        try:
            ends = self.run(code.body, {at: store.with_values({})}, flow)
        finally:
            self.scope, self.line = before, line
        every = [*ends.values(), *flow.raises.values(), *flow.returns.values()]
        merged = every[0] if every else store
        for one in every[1:]:
            merged = merged.joined(one)
        return scope, merged.with_values(dict(callers))


def const_name(name: str, entry: str) -> Value:
    """Return `__name__` of a module."""
    return frozenset({Const("__main__" if name == entry else name, kind="str")})


_SEVERAL = ir.Operation()
"""Stands for the operations of a register that more than one block gives a value."""


def set_attributes(block: ir.Block) -> Iterator[str]:
    """Yield the names of attributes that a block, and the functions in it, set."""
    for one in block:
        match one:
            case ir.SetAttribute(name=name):
                yield name
            case ir.Function(code=code):
                yield from set_attributes(code.body)
            case ir.If(then=first, otherwise=second) | ir.Loop(body=first, otherwise=second):
                yield from set_attributes([*first, *second])
            case ir.Try(body=body, handlers=handlers, otherwise=other, final=final):
                yield from set_attributes([*body, *other, *final])
                for handler in handlers:
                    yield from set_attributes(handler.body)
            case _:
                pass


def _define(block: ir.Block, known: Definitions) -> None:
    """Note the operation of each register of a block and of the blocks in it; none of one with several."""
    for one in block:
        known[one.to] = one if one.to not in known else _SEVERAL
        match one:
            case ir.If(then=then, otherwise=other):
                _define(then, known)
                _define(other, known)
            case ir.Loop(condition=condition, body=body, otherwise=other):
                for inner in (condition, body, other):
                    _define(inner, known)
            case ir.Try(body=body, handlers=handlers, otherwise=other, final=final):
                for inner in (body, other, final, *(h.body for h in handlers)):
                    _define(inner, known)
            case _:
                pass
