"""One way through a program: its choices, its budget, what happened on it.

The interpreter runs a handler the way Tornado would, on abstract values. Where both outcomes are
possible it asks for a choice; the explorer runs it again for each other choice. A state that was
seen before at the same place is not explored twice.
"""

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.interpreter.events import (
    Assumption,
    Event,
    Mode,
    Stage,
    tells_what_is_drawn,
)
from stormdoor_audit.auditor.interpreter.fingerprint import attrs_key, env_key, key_of, outer_keys
from stormdoor_audit.auditor.interpreter.frame import Frame
from stormdoor_audit.auditor.interpreter.kept import Kept, fields_of, merge_kept
from stormdoor_audit.auditor.interpreter.outcomes import Exhausted, Pruned, TooFar
from stormdoor_audit.auditor.interpreter.relevance import may_let_in
from stormdoor_audit.auditor.interpreter.texts import STAND_IN
from stormdoor_audit.auditor.interpreter.told import Told
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Labels,
    Mapping,
    Named,
    Nobody,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Core", "Outcome", "Way"]

_MAX_STEPS = 6000
_MAX_DEPTH = 28
_NEAR = 2
"""Frames down to a method that Tornado calls: what it decides counts in any case."""


Outcome: TypeAlias = tuple[int, int]
"""The id of a place where something is chosen, and what was."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way that was not followed yet.

    Args:
        plan: Its choices, up to the one that it differs in from what was followed.
        begins: That choice, and its outcome.
    """

    plan: list[int]
    begins: Outcome


@dataclass(slots=True)
class Said:
    """Answers of comparisons with texts of the client: each is held, or another would have its id."""

    comparisons: dict[int, tuple[Value, Value, tuple[object, ...], bool]] = field(
        default_factory=dict
    )
    """Answers of `name in NAMES`, `kind == "login"`: each with the name, what it may be, if it is negated."""
    turn: int = 0
    """The messages before the one under way."""
    told: Told = field(default_factory=Told)
    """Facts established by these outcomes."""


class Core:
    """State and bookkeeping of one way; the meaning of the language is in the subclasses."""

    claimed = False
    """True if the client's identity was noted, and no check came before."""
    weighed = False
    """True if it depended on the server's entry, or answer, for this client's value."""
    broken_off = False
    """True if a task that continued the connection's work ended at a failed check."""
    whim = False
    """True if it depended on text that the connecting page writes into the address."""
    unsure = False
    """True if it depended on a value that cannot be read here."""
    handling = 0
    """Number of running exception handlers that followed a failed check."""
    of_each: ast.AST | None = None
    """Argument of `all()` or `any()`."""
    left_alone: ast.AST | None = None
    """Statement before the 101 that discards its own result."""
    delegated: ast.AST | None = None
    """Argument of `yield from`."""
    met: int = 0
    """Number of comparisons with the name that the client claims."""
    meant: int = 0
    """Number of running branches that are for the user that the client names."""
    leaning: bool | None = None
    """Outcome of undecided conditions, where no way is worth following for them."""

    finished = closed = accepted = False
    status = 200
    background = around = 0

    def __init__(
        self,
        project: Project,
        hierarchy: Hierarchy,
        *,
        mode: Mode,
        plan: list[int],
        seen: set[tuple[object, ...]],
    ) -> None:
        self.project = project
        self.hierarchy = hierarchy
        self.mode: Mode = mode
        self.plan = plan
        # States that were met, and outcomes of choices, each on any way so far.
        self.seen, self.begun_with = seen, set[Outcome]()
        self.own: set[tuple[object, ...]] = set()
        self.made: list[int] = []
        self.alternatives: list[Way] = []
        self.unlike_shipped: list[Way] = []
        self.unlikely: list[Way] = []
        self.events: list[Event] = []
        self.assumptions: dict[str, Assumption] = {}
        self.chosen: dict[tuple[object, ...], tuple[Value, bool]] = {}
        self.frames: list[Frame] = []
        self.stack: list[tuple[Module, ast.AST, str]] = []
        self.catching: list[tuple[bool, frozenset[str]]] = []
        self.stage = Stage.IMPORT
        self.steps = 0
        self.cap = _MAX_STEPS
        self.uncertain: dict[str, str] = {}
        self.globals: dict[tuple[str, str], Value] = {}
        self.handler: Instance | None = None
        self.called: ast.AST | None = None
        self.overlays: dict[int, dict[str, Value]] = {}
        self.replacements: dict[int, ClassInfo] = {}
        self.environments: dict[int, Environment] = {}
        self.patching: set[int] = set()
        self.making: ClassInfo | None = None
        self.placed: dict[int, Value] = {}
        self.matches: dict[int, tuple[Value, bool]] = {}
        """Answers of `row.owner == name`, for a name that the client says: the answer, if it is negated."""
        self.said = Said()
        """Texts of the client that conditions have decided."""
        self.listed = STAND_IN
        """Item of a list of origins that cannot be read here."""
        self.looked_at: set[str] = set()
        """Parts of the connection, beside the origin, that an origin check reads."""
        self.in_queues: dict[str, Value] = {}
        self.spoken_with = dict[int, Value]()
        """Generators that a message was sent to, and what a function gave because of what a message says,
        by their id; held, or another would have it."""
        # Tables into which this client has put what it shows, or has had put what it is told, and
        # those where it has not been told yet; cursors and tables that were asked for what goes with it.
        self.filled: Kept = {}
        self.untold: Kept = {}
        self.queried, self.tables_asked = set[str](), set[str]()
        # Cursors that give what they were asked for, and their labels before that; held, as above.
        self.asked_for: dict[int, tuple[Unknown, Labels]] = {}
        # Names that something was looked up by, under the mark of what was found.
        self.sought_by: dict[str, set[str]] = {}
        self.proven_names: set[str] = set()
        """Names that the message under way says and proves."""
        self.proving: set[str] = set()
        """Cookies that the client was refused without: under any name, they are the proof."""

    @property
    def expected(self) -> frozenset[str]:
        """The exceptions of which the innermost statement around says what is done then."""
        return self.catching[-1][1] if self.catching else frozenset()

    @property
    def frame(self) -> Frame:
        """The call under way."""
        return self.frames[-1]

    def tick(self) -> None:
        """Count one step.

        Raises:
            Exhausted: There were too many.
        """
        self.steps = steps = self.steps + 1
        if steps > self.cap:
            if steps > _MAX_STEPS:
                raise Exhausted
            raise TooFar

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
            # What was seen when fewer messages were to follow had less to show.
            if any((turn, key) in self.seen for turn in range(self.said.turn + 1)):
                raise Pruned
            self.seen.add((self.said.turn, key))
            self.own.add(key)
            picked = 0
            waiting = self.alternatives
            if shipped_first:
                waiting = self.unlike_shipped if telling else self.unlikely
            waiting.extend(Way([*self.made, other], (id(node), other)) for other in range(1, count))
        self.made.append(picked)
        self.begun_with.add((id(node), picked))
        return picked

    def is_aside(self) -> bool:
        """Return True if the running function cannot affect the client's admission."""
        node = self.frame.node
        return (
            self.mode == "anonymous"
            and len(self.frames) > _NEAR
            and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and not may_let_in(node)
        )

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
        remembered: bool = False,
        module: Module | None = None,
    ) -> None:
        """Note that something happened."""
        everything = [*values, *(value for _, value in words)]
        if receiver is not None:
            everything.append(receiver)
        where = module or (self.frames[-1].module if self.frames else None)
        if where is None:
            return
        happened = Event(
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
            handling=bool(self.handling),
            remembered=remembered,
            meant=bool(self.meant),
        )
        self.events.append(happened)
        if self.untold and tells_what_is_drawn(happened):
            merge_kept(self.filled, self.untold)
            self.untold = {}

    def mean_rest(self) -> None:
        """Record that the rest of this call is for the user that the client names."""
        self.frame.meant += 1
        self.meant += 1

    def fills(self, table: str, value: Value, *, drawn: bool, told: bool) -> None:
        """Note that this client has put what it shows into a table: to find it there proves nothing.

        What is in it may well prove something: a session that every visitor gets has no user.

        Args:
            table: The name of the table.
            value: What is there for this client.
            drawn: The key was made up.
            told: The client knows it; else it does when it is told what was drawn.
        """
        if isinstance(value, Nobody):
            return
        told = told or any(map(tells_what_is_drawn, self.events))
        # An entry under a key that no client can guess is not of the client's choice.
        fields = fields_of(value) if not drawn else fields_of(value) or {}
        merge_kept(self.filled if told else self.untold, {table: fields})

    def check(
        self,
        node: ast.AST,
        text: str,
        *,
        presumed: bool = False,
        remembered: bool = False,
        module: Module | None = None,
    ) -> None:
        """Note that the client's identity was asked for, and was not there."""
        self.record("check", node, text, presumed=presumed, remembered=remembered, module=module)

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
        if default is None and lexicon.is_for_tests(setting.name):
            default = False
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
        """Return the truth of a setting as shipped; None if it is unknown."""
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

    def enter(self, frame: Frame, site: ast.AST) -> None:
        """Begin a call; its caller ends it: see `leave`.

        Raises:
            Exhausted: Calls are nested too deeply.
        """
        if len(self.frames) > _MAX_DEPTH:
            raise Exhausted
        caller = self.frames[-1].module if self.frames else frame.module
        self.frames.append(frame)
        self.project.budget.follow(frame.module)
        self.stack.append((caller, site, frame.name))

    def leave(self) -> None:
        """The call under way ends."""
        left = self.frames.pop()
        self.meant -= left.meant
        self.stack.pop()

    def _fingerprint(self, node: ast.AST) -> tuple[object, ...]:
        frame = self.frames[-1] if self.frames else None
        return (
            id(node),
            self.stage,
            self.mode,
            self.closed,
            self.accepted,
            self.finished,
            bool(self.meant),
            tuple(id(site) for _, site, _ in self.stack),
            tuple(sorted((one.name, one.value) for one in self.assumptions.values())),
            env_key(frame.env) if frame else (),
            outer_keys(self.frames[:-1]),
            attrs_key(self.handler),
            frozenset(self.filled),
            frozenset(self.untold),
            frozenset(self.queried),
            frozenset(self.proving),
            frozenset(self.proven_names),
            self.said.told.state(),
            frozenset(
                (id(event.node), event.kind)
                for event in self.events
                if event.kind not in {"branch", "call"}
            ),
            frozenset((name, key_of(value, 1)) for name, value in self.globals.items()),
        )


def _inverted(default: bool | None) -> Const | None:
    return None if default is None else Const(not default)
