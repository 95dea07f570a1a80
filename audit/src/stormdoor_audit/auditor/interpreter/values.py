"""Knowledge about a value, from the view of a client without a credential."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.reading.module import FunctionNode, Module

__all__ = [
    "FIELD",
    "LONGEST",
    "NONE",
    "REST",
    "Authenticated",
    "Bound",
    "ClassRef",
    "Const",
    "Coroutine",
    "Environment",
    "Function",
    "Instance",
    "Labels",
    "Mapping",
    "Member",
    "ModuleRef",
    "Named",
    "Nobody",
    "Partial",
    "Sequence",
    "Setting",
    "Special",
    "SuperRef",
    "Unknown",
    "Value",
    "is_of_connection",
    "labels_of",
    "settled",
    "text_of",
]

Labels: TypeAlias = frozenset[str]
"""Origin of a value: `client` chosen by the client, `credential` shown as proof, `cookie`, `query`,
 `header`, `message`, `url`, `origin`, `host`, `address`, `principal` known after proof, `setting`,
 `secret`, `self` the connection itself, `named` found under a name that the client chose and did not
 prove to be its own, `which` looked up by the thing that is meant, `somebody` chosen by the client under
 a name that names a user, `proven` the very answer that names the user, `drawn` made up by chance, `kept`
 an attribute of the connection of an admitted client, `visitor` an object that stands for a client that
 is not logged in; of an event `listed`, where all that the client chooses is one of a list."""

NONE: Labels = frozenset()
FIELD = "#"
"""Begin of the label that names a field of a client that is let in: `#.room.id` of `data["room"]["id"]`."""
REST = "**"
"""Among the words of a call: what a client may have given any parameter that nothing else was given."""
LONGEST = 512
"""Characters of a text up to which it is computed, and not only followed."""
_HANDLER: Labels = frozenset({"self"})


@dataclass(slots=True, eq=False)
class Const:
    """A value that stands in the source."""

    value: object
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Unknown:
    """Anything; where `client` is among its labels the client chooses it."""

    labels: Labels = NONE
    text: str = ""
    truthy: bool | None = None
    present: bool = False
    """It is not None: without it the request is refused as malformed."""
    part: object | None = None
    """Stand-in for it at every use: the message that it is a part of, and its name."""
    written: "dict[str, Value] | None" = None
    """Fields that the server has written into a message, or into a record: `data["from"] = self.user`."""


@dataclass(slots=True, eq=False)
class Nobody:
    """Absent user: the result of an identity look-up for a client without a valid credential.

    Args:
        text: The source that asked.
        node: Where.
        module: In which file.
        truthy: Its truth: False but for names like `is_anonymous`.
        certain: It is None, and not merely something false.
        presumed: Only the name says that it is about identity.
    """

    text: str
    node: ast.AST | None = None
    module: Module | None = None
    truthy: bool = False
    certain: bool = False
    presumed: bool = False
    labels: Labels = frozenset({"identity"})


@dataclass(slots=True, eq=False)
class Setting:
    """A value that the operator decides; `default` where the source gives one."""

    name: str
    default: "Value | None" = None
    labels: Labels = frozenset({"setting"})
    text: str = ""


@dataclass(slots=True, eq=False)
class Environment:
    """Local names of one call, and of the calls around it."""

    names: dict[str, "Value"] = field(default_factory=dict)
    outer: "Environment | None" = None
    pending: dict[str, Callable[[], "Value"]] = field(default_factory=dict)
    """Names with a value that is computed at its first use."""

    def find(self, name: str) -> "Value | None":
        """The value of a name, from the inside out."""
        env: Environment | None = self
        while env is not None:
            if name in env.names:
                return env.names[name]
            if name in env.pending:
                found = env.pending.pop(name)
                env.names[name] = Unknown(text=name)  # what is made of itself ends here
                env.names[name] = found()
                return env.names[name]
            env = env.outer
        return None


@dataclass(slots=True, eq=False)
class Function:
    """A function of the project with the names around it."""

    node: FunctionNode
    module: Module
    owner: ClassInfo | None = None
    env: Environment | None = None
    scopes: tuple[ast.AST, ...] = ()
    labels: Labels = NONE
    text: str = ""
    attrs: dict[str, "Value"] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Bound:
    """A callable with its first argument."""

    function: "Value"
    receiver: "Value"
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Partial:
    """`functools.partial`."""

    function: "Value"
    args: list["Value"]
    words: dict[str, "Value"]
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Authenticated:
    """A method under `tornado.web.authenticated`."""

    function: "Value"
    node: ast.AST
    module: Module
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Coroutine:
    """An `async def` that was called and not yet awaited."""

    function: Function
    args: list["Value"]
    words: dict[str, "Value"]
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class ClassRef:
    """A class of the project."""

    info: ClassInfo
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a project class; the handler itself is one.

    `shared` where a module makes it when it is imported: its attributes are settings.
    """

    info: ClassInfo
    attrs: dict[str, "Value"] = field(default_factory=dict)
    labels: Labels = NONE
    text: str = ""
    handler: bool = False
    shared: bool = False


@dataclass(slots=True, eq=False)
class SuperRef:
    """`super()` in a method of `owner`."""

    instance: "Value"
    owner: ClassInfo
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class ModuleRef:
    """A module that was read."""

    module: Module
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Named:
    """Something outside the project, by its dotted name: `tornado.web.HTTPError`, `len`."""

    name: str
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Special:
    """An object of Tornado with modelled behaviour: request, headers, cookies, settings…."""

    kind: str
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Member:
    """A method of a value that is not an object of the project: `token.strip`."""

    receiver: "Value"
    name: str
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Sequence:
    """A list, tuple or set of known items; `exact` unless more may be in it."""

    items: list["Value"]
    kind: str = "list"
    exact: bool = True
    labels: Labels = NONE
    text: str = ""


@dataclass(slots=True, eq=False)
class Mapping:
    """A dictionary; `exact` unless more may be in it."""

    items: dict[object, "Value"]
    exact: bool = True
    labels: Labels = NONE
    text: str = ""


Value: TypeAlias = (
    Const
    | Unknown
    | Nobody
    | Setting
    | Function
    | Bound
    | Partial
    | Authenticated
    | Coroutine
    | ClassRef
    | Instance
    | SuperRef
    | ModuleRef
    | Named
    | Special
    | Member
    | Sequence
    | Mapping
)


def labels_of(*values: Value, depth: int = 3) -> Labels:
    """The labels of values and of what is in them."""
    found = NONE
    for value in values:
        if value.labels:
            found = found | value.labels if found else value.labels
        if type(value) not in _HOLDERS:
            continue
        if isinstance(value, Instance) and value.handler:
            found |= _HANDLER
        elif depth and isinstance(value, Sequence | Mapping | Instance):
            inner = labels_of(*_first_in(value), depth=depth - 1)
            found = found | inner if found else inner
    return found


_HOLDERS = frozenset({Sequence, Mapping, Instance})


def _first_in(value: Sequence | Mapping | Instance) -> list[Value]:
    match value:
        case Sequence():
            return value.items[:16]
        case Mapping():
            return list(value.items.values())[:16]
        case Instance():
            return list(value.attrs.values())[:16]


def is_of_connection(value: Value) -> bool:
    """`job.listeners.append(self.hear)`: a method of the connection, which is told what there is then."""
    return (
        isinstance(value, Bound) and isinstance(value.receiver, Instance) and value.receiver.handler
    )


def settled(value: Value | None) -> Value | None:
    """Return the shipped value of a setting, through all derivations."""
    while isinstance(value, Setting):
        value = value.default
    return value


def text_of(value: Value) -> str:
    """A short name of the value for messages."""
    match value:
        case Const():
            return repr(value.value)[:60]
        case Setting() | Named():
            return value.name
        case _:
            return value.text or type(value).__name__.lower()
