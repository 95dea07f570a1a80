"""Abstract values: finite sets of atoms.

A value is a frozen set of atoms. Its truth, nullness and constants are those of its atoms. The join
of two values is their union; more than `MOST` constants become one opaque atom.
"""

from dataclasses import dataclass, field
from typing import Any

from stormdoor_audit.analyzer.engine.classinfo import ClassInfo
from stormdoor_audit.analyzer.engine.words import is_credential
from stormdoor_audit.analyzer.frontend import ir

__all__ = [
    "ABSENT",
    "EITHER",
    "FALSE",
    "MOST",
    "NONE",
    "SERVER",
    "TEXT",
    "TRUE",
    "Activation",
    "Atom",
    "Bound",
    "Cell",
    "Cls",
    "Const",
    "Ext",
    "Func",
    "Module",
    "Obj",
    "Opaque",
    "Partial",
    "Pending",
    "Super",
    "Value",
    "Wrapped",
    "answered",
    "const",
    "join",
    "label_of",
    "labels",
    "may_be",
    "none_only",
    "opaque",
    "origins",
    "text_of",
]

MOST = 8
TEXT = "text"
"""Kind of a value that is surely text: a client can choose a part of it, or an empty one."""
FALSE, TRUE = 1, 2
EITHER = FALSE | TRUE
"""Bits of the truth of an atom."""


@dataclass(frozen=True, slots=True)
class Const:
    """A constant.

    Args:
        value: An immutable Python value.
        origin: Its provenance.
        answer: Whether it is the negative answer of a check to an unauthenticated client.
        kind: Name of its type: `True` and `1` are different constants.
    """

    value: Any
    origin: frozenset[str] = frozenset()
    answer: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value of which only properties are known.

    Args:
        origin: Its provenance.
        label: The part of the request that it is, such as `argument token`.
        answer: As for constants.
        truth: Its possible truth values.
        kind: Dotted name of its type in the models, or "".
    """

    origin: frozenset[str] = frozenset()
    label: str = ""
    answer: bool = False
    truth: int = EITHER
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Func:
    """A function of the program with its closure.

    Args:
        code: The body.
        parameters: The parameters.
        scope: The scope around it.
        defaults: Values of the defaults.
        only: Values of the defaults of keyword-only parameters.
        awaitable: Whether a call gives an awaitable, as for `async def`.
    """

    code: ir.Code
    parameters: ir.Parameters
    scope: "Activation"
    defaults: tuple["Value", ...] = ()
    only: tuple["Value | None", ...] = ()
    awaitable: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """A method with its object."""

    function: "Atom"
    owner: "Atom"


@dataclass(frozen=True, slots=True)
class Partial:
    """A function with some of its arguments."""

    function: "Atom"
    arguments: tuple["Value", ...]
    words: tuple[tuple[str, "Value"], ...] = ()


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A function as `property`, `staticmethod` or `classmethod`."""

    how: str
    function: "Value"


@dataclass(frozen=True, slots=True)
class Pending:
    """A coroutine, task or future: its call runs where it is awaited."""

    function: "Atom"
    arguments: tuple["Value", ...] = ()
    words: tuple[tuple[str, "Value"], ...] = ()


@dataclass(frozen=True, slots=True)
class Cls:
    """A class of the program."""

    info: ClassInfo


@dataclass(frozen=True, slots=True)
class Super:
    """`super()` in a method of a class, for an object."""

    after: ClassInfo
    owner: "Atom"


@dataclass(frozen=True, slots=True)
class Ext:
    """An object of a library, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the program."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """An allocation site.

    Args:
        kind: list, dict, set, tuple or object.
        info: The class of an object.
        base: Dotted name of the class of a library, or "".
        line: Line of the source.
    """

    kind: str
    info: ClassInfo | None = None
    base: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Obj:
    """An object or a container on the heap."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Absent:
    """No value: an attribute that one of two joined states does not have."""


Atom = (
    Const
    | Opaque
    | Func
    | Bound
    | Partial
    | Wrapped
    | Pending
    | Cls
    | Super
    | Ext
    | Module
    | Obj
    | Absent
)
Value = frozenset[Atom]

ABSENT: Value = frozenset({Absent()})
SERVER = frozenset({"server"})


def const(value: Any, origin: frozenset[str] = frozenset(), *, answer: bool = False) -> Value:
    """Return a value with one constant."""
    return frozenset({Const(value, origin, answer, type(value).__name__)})


NONE: Value = const(None)


def opaque(
    origin: frozenset[str] | str = SERVER,
    label: str = "",
    *,
    answer: bool = False,
    truth: int = EITHER,
    kind: str = "",
) -> Value:
    """Return a value with one opaque atom."""
    from_where = frozenset({origin}) if isinstance(origin, str) else origin
    return frozenset({Opaque(from_where, label, answer, truth, kind)})


def join(*values: Value) -> Value:
    """Return the union of values, with at most `MOST` constants of one answer."""
    result: Value = frozenset().union(*values)
    constants = [one for one in result if isinstance(one, Const)]
    if len(constants) <= MOST:
        return result
    rest: list[Atom] = [one for one in result if not isinstance(one, Const)]
    for answer in (True, False):
        some = [one for one in constants if one.answer is answer]
        if len(some) > MOST:
            origin = frozenset[str]().union(*(one.origin for one in some))
            truth = (TRUE if any(one.value for one in some) else 0) | (
                FALSE if any(not one.value for one in some) else 0
            )
            rest.append(Opaque(origin, "", answer, truth))
        else:
            rest.extend(some)
    return frozenset(rest)


def may_be(atom: Atom, *, truth: bool) -> bool:
    """Return True if an atom can have this truth value."""
    match atom:
        case Const(value=value):
            return bool(value) is truth
        case Opaque(truth=bits):
            return bool(bits & (TRUE if truth else FALSE))
        case _:
            return truth


def none_only(atom: Atom) -> bool | None:
    """Return True for None, False for another constant or object, None if it is not known."""
    match atom:
        case Const(value=value):
            return value is None
        case Opaque(truth=bits, answer=answer):
            if answer:
                return True
            return None if bits & FALSE else False
        case _:
            return False


def answered(atom: Atom) -> bool:
    """Return True if an atom is the negative answer of a check."""
    return isinstance(atom, Const | Opaque) and atom.answer


def origins(value: Value) -> frozenset[str]:
    """Return the provenance of a value."""
    return frozenset[str]().union(*(one.origin for one in value if isinstance(one, Const | Opaque)))


def labels(value: Value) -> frozenset[str]:
    """Return the parts of the request that a value is made of."""
    return frozenset(one.label for one in value if isinstance(one, Opaque) and one.label)


def label_of(value: Value) -> str:
    """Return one of the parts of the request that a value is made of, a credential if there is one."""
    found = sorted(labels(value))
    return next((one for one in found if is_credential(one)), found[0] if found else "")


def text_of(value: Value) -> str:
    """Return the text of a value with one constant; "" of another one."""
    only = next(iter(value), None)
    return str(only.value) if len(value) == 1 and isinstance(only, Const) else ""


@dataclass(slots=True, eq=False)
class Activation:
    """One call of a function with certain arguments, or a module; the scope of functions inside it.

    Args:
        code: The body.
        parent: The scope around it.
        owner: The class that the body, or the body around it, defines.
        names: Values of its variables, joined over all its states, for functions inside it.
        shared: Variables that functions inside it assign.
        of_class: Whether it is the body of a class, which functions inside it do not see.
    """

    code: ir.Code
    parent: "Activation | None" = None
    owner: object = None
    names: dict[str, Value] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    of_class: bool = False

    def note(self, name: str, value: Value) -> None:
        """Join a value into a variable."""
        known = self.names.get(name)
        self.names[name] = value if known is None else join(known, value)
