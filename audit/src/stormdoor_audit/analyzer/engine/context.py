"""The context of one execution: models, classes, events, and operations that several parts need."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.state import Flow, PropertyState, States, Store
from stormdoor_audit.analyzer.engine.values import Activation, Atom, Cell, Obj, Value
from stormdoor_audit.analyzer.frontend import ir
from stormdoor_audit.analyzer.models.loader import Model, Models

__all__ = ["Action", "Arguments", "Context", "Event", "Invocation", "OverLimit", "Result", "Step"]


_NOWHERE = ir.Code("", "", [], "", 0, 0)


class OverLimit(Exception):
    """The safeguard of the engine ended an execution: its endpoint is not analysed."""


class Arguments(NamedTuple):
    """Arguments of a call.

    Args:
        positional: Values in order.
        words: Values by keyword.
        rest: A value behind a `*`: any number of further arguments.
        more: A value behind a `**`.
    """

    positional: tuple[Value, ...] = ()
    words: tuple[tuple[str, Value], ...] = ()
    rest: Value = frozenset()
    more: Value = frozenset()

    def at(self, position: int, name: str = "") -> Value:
        """Return an argument by position or keyword; nothing without it."""
        for word, value in self.words:
            if name and word == name:
                return value
        return self.positional[position] if 0 <= position < len(self.positional) else frozenset()

    @property
    def all(self) -> tuple[Value, ...]:
        """All values."""
        return (*self.positional, *(value for _, value in self.words), self.rest, self.more)


class Event(NamedTuple):
    """Something that a client can cause.

    Args:
        kind: send, store, join, act, accept, close or refuse.
        at: The property state.
        module: Dotted name of the module.
        line: Line.
    """

    kind: str
    at: PropertyState
    module: str
    line: int


Result = list[tuple[PropertyState, Store, Value]]
"""Normal exits of a call."""


@dataclass(slots=True, eq=False)
class Context:
    """State of one execution that is not part of an abstract state.

    Args:
        models: Models of libraries.
        chosen: Values of settings that replace the shipped ones.
    """

    models: Models
    chosen: dict[str, Value] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    settings: set[str] = field(default_factory=set)
    """Settings that decided a branch."""
    tested: frozenset[str] = frozenset()
    """Settings of the last test."""
    at_start: frozenset[str] = frozenset()
    """Settings that decided while the program began."""
    required: set[str] = field(default_factory=set)
    """Settings without which the program ends."""
    classes: dict[tuple[Hashable, ...], ClassInfo] = field(default_factory=dict)
    cells: dict[tuple[Hashable, ...], Cell] = field(default_factory=dict)
    activations: dict[tuple[Hashable, ...], Activation] = field(default_factory=dict)
    routes: list[tuple[Value, Value, Value]] = field(default_factory=list)
    """Pattern, handler and keyword arguments of each entry of a routing table."""
    later: list[Value] = field(default_factory=list)
    """Callables that a loop calls by itself."""
    unread: bool = False
    """Whether code that was not read may have refused."""
    scope: Activation = field(default_factory=lambda: Activation(_NOWHERE))
    line: int = 0
    depth: int = 0
    active: Counter[ir.Code] = field(default_factory=Counter)
    """Calls under way of each function."""
    tried: int = 0
    """Number of `try` statements with clauses around the present operation."""
    steps: int = 0
    most: int = 120_000
    handler: Obj | None = None
    request: dict[str, Value] = field(default_factory=dict)
    """Parts of the request that are given, by name in lower case."""
    read: set[str] = field(default_factory=set)
    """Given parts of the request that were read."""
    is_user: bool = False
    """Whether the client has the proven values of a user, as the browser of one has."""
    accepted: list[tuple[PropertyState, Store, str]] = field(default_factory=list)
    """State at each 101, and the member that the library asks before it."""
    discarded: bool = False
    """Whether the source uses the result of the present call."""
    own: set[Cell] = field(default_factory=set)
    """Objects that a connection made: a change of one has no effect for other clients."""
    names: dict[Cell, str] = field(default_factory=dict)
    """Names of containers in the source."""
    shipped: dict[str, Value] = field(default_factory=dict)
    """Shipped values of settings."""

    @property
    def module(self) -> str:
        """Dotted name of the module of the present operation."""
        return self.scope.code.module

    def spend(self, number: int = 1) -> None:
        """Count the states that an operation is executed on.

        Raises:
            OverLimit: The safeguard is reached.
        """
        self.steps += number
        if self.steps > self.most:
            raise OverLimit

    def note(self, kind: str, at: PropertyState) -> None:
        """Record an event here."""
        self.events.append(Event(kind, at, self.module, self.line))

    def part(self, name: str) -> Value:
        """Return a given part of the request; nothing if it is not given."""
        found = self.request.get(name.lower(), frozenset())
        if found:
            self.read.add(name.lower())
        return found

    def cell(
        self, kind: str, *key: Hashable, info: ClassInfo | None = None, base: str = ""
    ) -> Cell:
        """Return the cell of an allocation site."""
        name = (kind, info, base, *key)
        known = self.cells.get(name)
        if known is None:
            known = self.cells[name] = Cell(kind, info, base, self.line)
            if self.handler is not None:
                self.own.add(known)
        return known

    def error(self, name: str) -> Value:
        """Return an exception of a builtin type, or of one of a library."""
        return frozenset({Obj(self.cell("object", "error", name, base=name))})

    # -- the work of other parts of the engine

    def run(self, block: ir.Block, states: States, flow: Flow) -> States:
        """Execute a block and return the states at its end."""
        raise NotImplementedError

    def call(
        self, function: Value, given: Arguments, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Call a value and return its normal exits; exceptional ones go to `flow`."""
        raise NotImplementedError

    def call_atom(
        self, function: Atom, given: Arguments, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Call one atom."""
        raise NotImplementedError

    def attribute(
        self, of: Value, name: str, at: PropertyState, store: Store, flow: Flow
    ) -> Result:
        """Read an attribute."""
        raise NotImplementedError

    def await_(self, value: Value, at: PropertyState, store: Store, flow: Flow) -> Result:
        """Run the coroutines of a value."""
        raise NotImplementedError

    def load_module(
        self, name: str, at: PropertyState, store: Store
    ) -> tuple[Activation, Store] | None:
        """Execute a module of the program once; None if it is not part of it."""
        raise NotImplementedError

    def fail(
        self, at: PropertyState, store: Store, flow: Flow, error: Value, *, asked: bool = False
    ) -> None:
        """Raise an exception here."""
        raise NotImplementedError

    def truth(
        self, value: Value, at: PropertyState, store: Store, *, wanted: bool
    ) -> Sequence[tuple[PropertyState, Value]]:
        """Return the parts of a value with a truth, each with the property state behind the test."""
        raise NotImplementedError


@dataclass(slots=True)
class Step:
    """An operation on one abstract state.

    Args:
        ctx: The execution.
        at: The property state.
        store: The abstract store.
        flow: Exceptional exits of the body.
    """

    ctx: Context
    at: PropertyState
    store: Store
    flow: Flow

    def gives(self, value: Value) -> Result:
        """Return a normal exit with a result."""
        return [(self.at, self.store, value)]

    def fail(self, name: str, *, asked: bool = False) -> None:
        """Raise an exception of a builtin type, or of one of a library."""
        self.ctx.fail(self.at, self.store, self.flow, self.ctx.error(name), asked=asked)

    def attribute(self, of: Value, name: str) -> Result:
        """Read an attribute."""
        return self.ctx.attribute(of, name, self.at, self.store, self.flow)

    def call(self, function: Value, given: Arguments) -> Result:
        """Call a value."""
        return self.ctx.call(function, given, self.at, self.store, self.flow)

    def on(self, at: PropertyState, store: Store) -> "Step":
        """Return the operation on another state."""
        return Step(self.ctx, at, store, self.flow)


_UNREAD = Model("", "")


@dataclass(slots=True)
class Invocation(Step):
    """A call of an object of a library.

    Args:
        name: The name of the function or method.
        given: The arguments.
        owner: The object of a method.
        model: The model of the object; an empty one of an unread object.
    """

    name: str = ""
    given: Arguments = field(default_factory=Arguments)
    owner: Atom | None = None
    model: Model = _UNREAD


Action = Callable[[Invocation], Result]
"""The behaviour of an object of a library."""
