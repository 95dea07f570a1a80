"""One way through a program: its choices, its budget, what happened on it.

The interpreter runs a handler the way Tornado would, on abstract values. Where both outcomes are
possible it asks for a choice; the explorer runs it again for each other choice. A state that was
seen before at the same place is not explored twice.
"""

import ast
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from stormdoor.auditor import lexicon
from stormdoor.auditor.hierarchy import ClassInfo, Hierarchy
from stormdoor.auditor.module import Module
from stormdoor.auditor.project import Project
from stormdoor.auditor.values import (
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Environment,
    Function,
    Instance,
    Labels,
    Mapping,
    Named,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
)

__all__ = [
    "Assumption",
    "Core",
    "Event",
    "Exhausted",
    "Frame",
    "Mode",
    "PathEnd",
    "Pruned",
    "Stage",
    "Thrown",
    "TooFar",
]

Mode = Literal["anonymous", "member", "origin"]

_MAX_STEPS = 6000
_MAX_DEPTH = 28


class Stage(StrEnum):
    """Where Tornado is with a connection."""

    IMPORT = "import"
    PREPARE = "prepare"
    GET = "get"
    ORIGIN = "check_origin"
    OPEN = "open"
    MESSAGE = "on_message"
    LATER = "later"


class Pruned(Exception):
    """The rest of this way was explored before."""


class Exhausted(Exception):
    """The way is too long."""


class TooFar(Exception):
    """What is looked up aside takes more work than it is worth."""


class PathEnd(Exception):
    """The connection is over, or the handshake is answered."""


class Thrown(Exception):
    """The program raises.

    Args:
        name: Class of the exception; `?` for whatever a failed verification raises.
        node: Where.
        module: In which file.
        status: HTTP status, of an HTTPError.
        check: Whether a failed check of the client's identity raised it.
        presumed: Whether only a name says so.
    """

    def __init__(
        self,
        name: str,
        node: ast.AST | None,
        module: Module | None,
        *,
        status: int | None = None,
        check: bool = False,
        presumed: bool = False,
        value: Value | None = None,
    ) -> None:
        super().__init__(name)
        self.name = name
        self.node = node
        self.module = module
        self.status = status
        self.check = check
        self.presumed = presumed
        self.value = value


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on the way.

    Args:
        kind: `call`, `check`, `swallowed`, `close`, `send`, `join`, `act`, `finish`, `accept`,
            `dispatch`, `store`, `stage`.
        stage: Where Tornado was.
        node: The place.
        module: Its file.
        text: What, in words or as a dotted name.
        values: The arguments of a call.
        words: Its keyword arguments.
        receiver: The object a method was called on.
        labels: Of all of them.
        stack: The calls that led here, outermost first.
        presumed: Of a check: only a name says that it is one.
        constant: Of a send: nothing in it depends on anything.
    """

    kind: str
    stage: Stage
    node: ast.AST
    module: Module
    text: str = ""
    values: tuple[Value, ...] = ()
    words: tuple[tuple[str, Value], ...] = ()
    receiver: Value | None = None
    labels: Labels = frozenset()
    stack: tuple[tuple[Module, ast.AST, str], ...] = ()
    presumed: bool = False
    constant: bool = False
    caught: bool = False


@dataclass(frozen=True, slots=True)
class Assumption:
    """A setting was taken to be true or false; `default` is its truth as shipped, if known."""

    name: str
    value: bool
    default: bool | None
    node: ast.AST
    module: Module


@dataclass(slots=True, eq=False)
class Frame:
    """One call under way."""

    module: Module
    env: Environment
    name: str
    owner: ClassInfo | None = None
    receiver: Value | None = None
    node: ast.AST | None = None
    scopes: tuple[ast.AST, ...] = ()
    tries: int = 0
    globals: set[str] = field(default_factory=set)


class Core:
    """State and bookkeeping of one way; the meaning of the language is in the subclasses."""

    def __init__(
        self,
        project: Project,
        hierarchy: Hierarchy,
        *,
        mode: Mode,
        plan: list[int],
        seen: set[tuple[object, ...]],
        deadline: float,
    ) -> None:
        self.project = project
        self.hierarchy = hierarchy
        self.mode: Mode = mode
        self.plan = plan
        self.seen = seen
        self.own: set[tuple[object, ...]] = set()
        self.deadline = deadline
        self.made: list[int] = []
        self.alternatives: list[list[int]] = []
        self.unlike_shipped: list[list[int]] = []
        self.unlikely: list[list[int]] = []
        self.events: list[Event] = []
        self.assumptions: dict[str, Assumption] = {}
        self.chosen: dict[tuple[object, ...], tuple[Value, bool]] = {}
        self.frames: list[Frame] = []
        self.stack: list[tuple[Module, ast.AST, str]] = []
        self.catching: list[tuple[bool, bool]] = []
        self.stage = Stage.IMPORT
        self.steps = 0
        self.cap = _MAX_STEPS
        self.finished = False
        self.closed = False
        self.accepted = False
        self.status = 200
        self.uncertain: dict[str, str] = {}
        self.globals: dict[tuple[str, str], Value] = {}
        self.handler: Instance | None = None
        self.background = 0
        self.called: ast.AST | None = None
        self.overlays: dict[int, dict[str, Value]] = {}
        self.replacements: dict[int, ClassInfo] = {}
        self.environments: dict[int, Environment] = {}
        self.patching: set[int] = set()
        self.making: ClassInfo | None = None
        self.around = 0
        self.placed: dict[int, Value] = {}
        self.leaning: bool | None = None
        """How what cannot be told goes, where no way is worth following for it."""

    @property
    def frame(self) -> Frame:
        """The call under way."""
        return self.frames[-1]

    def tick(self) -> None:
        """Count one step.

        Raises:
            Exhausted: There were too many.
        """
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise Exhausted
        if self.steps > self.cap:
            raise TooFar
        if self.steps % 1024 == 0 and time.monotonic() > self.deadline:
            raise Exhausted

    def choose(
        self, node: ast.AST, count: int, *, shipped_first: bool = False, telling: bool = True
    ) -> int:
        """One of `count` outcomes, each of which will be explored.

        Args:
            node: Where.
            count: How many there are.
            shipped_first: The first is how the program is shipped; the others can wait.
            telling: It may have to do with who is let in; else it can wait longer.

        Raises:
            Pruned: The same state was at this place before.
        """
        at = len(self.made)
        if at < len(self.plan):
            picked = self.plan[at]
        else:
            key = self._fingerprint(node)
            if key in self.own:
                # The same way is here again: a loop that changes nothing. Leave it.
                self.made.append(count - 1)
                return count - 1
            if key in self.seen:
                raise Pruned
            self.seen.add(key)
            self.own.add(key)
            picked = 0
            waiting = self.alternatives
            if shipped_first:
                waiting = self.unlike_shipped if telling else self.unlikely
            waiting.extend([*self.made, other] for other in range(1, count))
        self.made.append(picked)
        return picked

    def record(
        self,
        kind: str,
        node: ast.AST,
        text: str = "",
        *,
        values: tuple[Value, ...] = (),
        words: tuple[tuple[str, Value], ...] = (),
        receiver: Value | None = None,
        presumed: bool = False,
        constant: bool = False,
        module: Module | None = None,
    ) -> None:
        """Note that something happened."""
        everything = [*values, *(value for _, value in words)]
        if receiver is not None:
            everything.append(receiver)
        where = module or (self.frames[-1].module if self.frames else None)
        if where is None:
            return
        self.events.append(
            Event(
                kind=kind,
                stage=self.stage if not self.background else Stage.LATER,
                node=node,
                module=where,
                text=text,
                values=values,
                words=words,
                receiver=receiver,
                labels=labels_of(*everything),
                stack=tuple(self.stack),
                presumed=presumed,
                constant=constant,
                caught=bool(self.catching),
            )
        )

    def check(
        self, node: ast.AST, text: str, *, presumed: bool = False, module: Module | None = None
    ) -> None:
        """Note that the client's identity was asked for, and was not there."""
        self.record("check", node, text, presumed=presumed, module=module)

    def assume(self, setting: Setting, node: ast.AST) -> bool:
        """The truth of a setting: the default first, the other as well."""
        if setting.name.startswith("not (") and setting.name.endswith(")"):
            return not self.assume(
                Setting(setting.name[5:-1], _inverted(self.truth_of_default(setting))), node
            )
        known = self.assumptions.get(setting.name)
        if known is not None:
            return known.value
        default = self.truth_of_default(setting)
        telling = lexicon.concerns_identity(setting.name)
        if self.leaning is not None and default is not None and not telling:
            return default
        order = (default, not default) if default is not None else (False, True)
        value = order[self.choose(node, 2, shipped_first=default is not None, telling=telling)]
        self.assumptions[setting.name] = Assumption(
            setting.name, value, default, node, self.frame.module
        )
        return value

    def truth_of_default(self, setting: Setting) -> bool | None:
        """Whether the setting is true as shipped; None where that is not known."""
        match setting.default:
            case Const(value=value):
                return bool(value)
            case Sequence(items=items, exact=True):
                return bool(items)
            case Mapping(items=entries, exact=True):
                return bool(entries)
            case Setting() as inner:
                return self.truth_of_default(inner)
            case Unknown(truthy=bool() as known):
                return known
            case Instance() | Function() | ClassRef() | Named() | Bound():
                return True
            case _:
                return None

    @contextmanager
    def entered(self, frame: Frame, site: ast.AST) -> Iterator[None]:
        """A call, for the time of its body.

        Raises:
            Exhausted: Calls are nested too deeply.
        """
        if len(self.frames) > _MAX_DEPTH:
            raise Exhausted
        caller = self.frames[-1].module if self.frames else frame.module
        self.frames.append(frame)
        self.stack.append((caller, site, frame.name))
        try:
            yield
        finally:
            self.frames.pop()
            self.stack.pop()

    # what the subclasses add ----------------------------------------------------------------

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def truth(self, value: Value, node: ast.AST, wanted: bool | None = None) -> bool:
        """Whether a value counts as true."""
        raise NotImplementedError

    def call(
        self, function: Value, args: list[Value], words: dict[str, Value], node: ast.AST
    ) -> Value:
        """The value of a call."""
        raise NotImplementedError

    def execute(self, body: list[ast.stmt]) -> None:
        """Run statements."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str, node: ast.AST) -> Value:
        """The value of `value.name`."""
        raise NotImplementedError

    # state ----------------------------------------------------------------------------------

    def _fingerprint(self, node: ast.AST) -> tuple[object, ...]:
        frame = self.frames[-1] if self.frames else None
        return (
            id(node),
            self.stage,
            self.mode,
            self.closed,
            self.accepted,
            self.finished,
            tuple(id(site) for _, site, _ in self.stack),
            tuple(sorted((one.name, one.value) for one in self.assumptions.values())),
            _env_key(frame.env) if frame else (),
            _outer_keys(self.frames[:-1]),
            _attrs_key(self.handler),
            frozenset(
                (id(event.node), event.kind) for event in self.events if event.kind != "call"
            ),
            frozenset((name, _key(value, 1)) for name, value in self.globals.items()),
        )


def _inverted(default: bool | None) -> Const | None:
    return None if default is None else Const(not default)


def _outer_keys(frames: list[Frame]) -> tuple[object, ...]:
    return tuple(_env_key(frame.env) for frame in frames[-3:])


def _env_key(env: Environment) -> tuple[object, ...]:
    return tuple((name, _key(value, 2)) for name, value in sorted(env.names.items()))


def _attrs_key(instance: Instance | None) -> tuple[object, ...]:
    if instance is None:
        return ()
    return tuple((name, _key(value, 2)) for name, value in sorted(instance.attrs.items()))


def _key(value: Value, depth: int) -> object:
    match value:
        case Const():
            try:
                hash(value.value)
            except TypeError:
                return ("const", repr(value.value)[:200])
            return ("const", type(value.value).__name__, value.value)
        case Unknown():
            return ("unknown", value.labels, value.truthy, value.text)
        case Nobody():
            return ("nobody", value.truthy)
        case Setting():
            return ("setting", value.name)
        case Sequence() if depth:
            return ("seq", tuple(_key(item, depth - 1) for item in value.items[:8]))
        case Mapping() if depth:
            return (
                "map",
                tuple((str(key), _key(item, depth - 1)) for key, item in value.items.items()),
            )
        case Instance() if depth and not value.handler:
            return (
                id(value.info),
                tuple((name, _key(one, depth - 1)) for name, one in value.attrs.items()),
            )
        case Named():
            return ("named", value.name)
        case Special():
            return ("special", value.kind)
        case Function():
            return ("function", id(value.node))
        case Bound():
            return ("bound", _key(value.function, depth - 1) if depth else 0)
        case Coroutine():
            return ("coroutine", id(value.function.node))
        case _:
            return type(value).__name__
