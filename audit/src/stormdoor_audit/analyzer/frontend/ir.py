"""The intermediate form: operations on registers and named variables, in blocks.

A register is a number, and is assigned once on each path. A block is a list of operations. `If`,
`Loop` and `Try` contain blocks, so control flow is structured.
"""

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Await",
    "Binary",
    "Block",
    "Build",
    "Call",
    "Class",
    "Code",
    "Compare",
    "Const",
    "Delete",
    "Function",
    "GetAttribute",
    "GetItem",
    "Handler",
    "If",
    "Import",
    "Jump",
    "Load",
    "Loop",
    "Operation",
    "Parameters",
    "Raise",
    "Return",
    "SetAttribute",
    "SetItem",
    "Store",
    "Try",
    "Unary",
    "Unpack",
    "Yield",
]


@dataclass(slots=True, eq=False, kw_only=True)
class Operation:
    """One operation.

    Args:
        line: Line of the source, 1-based.
        to: Register of the result; -1 without one.
    """

    line: int = 0
    to: int = -1


Block = list[Operation]


@dataclass(slots=True, eq=False)
class Const(Operation):
    """A literal, `None` or `...`."""

    value: Any


@dataclass(slots=True, eq=False)
class Load(Operation):
    """The value of a variable."""

    name: str


@dataclass(slots=True, eq=False)
class Store(Operation):
    """Assign a variable."""

    name: str
    value: int


@dataclass(slots=True, eq=False)
class Delete(Operation):
    """Remove an item of a container."""

    of: int
    key: int


@dataclass(slots=True, eq=False)
class GetAttribute(Operation):
    """Read an attribute."""

    of: int
    name: str


@dataclass(slots=True, eq=False)
class SetAttribute(Operation):
    """Write an attribute."""

    of: int
    name: str
    value: int


@dataclass(slots=True, eq=False)
class GetItem(Operation):
    """Read an item of a container."""

    of: int
    key: int


@dataclass(slots=True, eq=False)
class SetItem(Operation):
    """Write an item of a container."""

    of: int
    key: int
    value: int


@dataclass(slots=True, eq=False)
class Build(Operation):
    """Make a container or a text.

    Args:
        kind: tuple, list, set, dict, text or slice.
        parts: Registers of the items; of a dictionary, of its values.
        keys: Registers of the keys of a dictionary, -1 for `**`.
        spread: Positions of parts behind a `*`.
    """

    kind: str
    parts: list[int]
    keys: list[int] = field(default_factory=list)
    spread: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Unpack(Operation):
    """Take a container apart: `a, b = value`.

    Args:
        value: The container.
        into: A register for each target.
        star: Position of the target with a `*`, or -1.
    """

    value: int
    into: list[int]
    star: int = -1


@dataclass(slots=True, eq=False)
class Unary(Operation):
    """`not`, `-`, `+` or `~`."""

    operator: str
    value: int


@dataclass(slots=True, eq=False)
class Binary(Operation):
    """An arithmetic operation."""

    operator: str
    left: int
    right: int


@dataclass(slots=True, eq=False)
class Compare(Operation):
    """A comparison: `==`, `!=`, `<`, `<=`, `>`, `>=`, `is`, `is not`, `in`, `not in`."""

    operator: str
    left: int
    right: int


@dataclass(slots=True, eq=False)
class Call(Operation):
    """A call.

    Args:
        function: The called value.
        arguments: Registers in order.
        words: Registers by keyword, "" for `**`.
        spread: Positions of arguments behind a `*`.
        discarded: Whether the source uses the result.
    """

    function: int
    arguments: list[int]
    words: list[tuple[str, int]] = field(default_factory=list)
    spread: frozenset[int] = frozenset()
    discarded: bool = False


@dataclass(slots=True, eq=False)
class Await(Operation):
    """`await`, or `yield` in a coroutine of the older kind."""

    value: int


@dataclass(slots=True, eq=False)
class Yield(Operation):
    """An item of a generator."""

    value: int


@dataclass(slots=True, eq=False)
class Parameters:
    """Parameters of a function.

    Args:
        names: Positional parameters.
        defaults: Registers of the defaults of the last of them, evaluated at the definition.
        only: Keyword-only parameters, each with the register of its default, or -1.
        rest: Name behind `*`, or "".
        words: Name behind `**`, or "".
    """

    names: list[str]
    defaults: list[int] = field(default_factory=list)
    only: list[tuple[str, int]] = field(default_factory=list)
    rest: str = ""
    words: str = ""


@dataclass(slots=True, eq=False)
class Code:
    """The body of a module, a class or a function.

    Args:
        name: Name of the function or class.
        qualname: Dotted name inside its module.
        body: Its operations.
        module: Dotted name of the module.
        line: Its first line.
        end: Its last line.
        local: Names that it assigns.
        outer: Names declared `global`.
        coroutine: Whether a call gives an awaitable.
        generator: Whether a call gives an iterator.
    """

    name: str
    qualname: str
    body: Block
    module: str
    line: int
    end: int
    local: frozenset[str] = frozenset()
    outer: frozenset[str] = frozenset()
    coroutine: bool = False
    generator: bool = False


@dataclass(slots=True, eq=False)
class Function(Operation):
    """Make a function."""

    code: Code
    parameters: Parameters


@dataclass(slots=True, eq=False)
class Class(Operation):
    """Make a class.

    Args:
        code: Its body.
        bases: Registers of the bases.
        words: Registers by keyword: `metaclass=`.
    """

    code: Code
    bases: list[int]
    words: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Import(Operation):
    """Import a module, or a name of it.

    Args:
        module: Dotted name, "" in `from . import name`.
        name: The imported name; None for the module itself, `*` for all.
        level: Number of dots in front of a relative import.
    """

    module: str
    name: str | None = None
    level: int = 0


@dataclass(slots=True, eq=False)
class If(Operation):
    """Take one of two blocks by the truth of a register."""

    test: int
    then: Block
    otherwise: Block


@dataclass(slots=True, eq=False)
class Loop(Operation):
    """Repeat a block.

    Args:
        source: Register of the iterated value; -1 of `while`.
        item: Register of the item of an iteration.
        condition: Block that computes `test`; empty of `for`.
        test: Register of the condition of `while`.
        body: The repeated block.
        otherwise: Block of `else`, which runs unless `break` ended the loop.
    """

    source: int
    item: int
    condition: Block
    test: int
    body: Block
    otherwise: Block


@dataclass(slots=True, eq=False)
class Handler:
    """An `except` clause.

    Args:
        types: Block and register of the caught types; -1 of a bare `except`.
        block: Operations that compute the types.
        name: Variable of the exception, or "".
        body: The clause.
        line: Its line.
    """

    types: int
    block: Block
    name: str
    body: Block
    line: int


@dataclass(slots=True, eq=False)
class Try(Operation):
    """`try` with its clauses.

    Args:
        body: The block.
        handlers: The clauses.
        otherwise: The block of `else`.
        final: The block of `finally`.
        manager: Register of a context manager that may swallow exceptions, or -1.
    """

    body: Block
    handlers: list[Handler]
    otherwise: Block
    final: Block
    manager: int = -1


@dataclass(slots=True, eq=False)
class Return(Operation):
    """Leave the function with a value."""

    value: int


@dataclass(slots=True, eq=False)
class Raise(Operation):
    """Raise an exception; -1 raises the caught one again."""

    value: int


@dataclass(slots=True, eq=False)
class Jump(Operation):
    """`break` or `continue`."""

    kind: str
