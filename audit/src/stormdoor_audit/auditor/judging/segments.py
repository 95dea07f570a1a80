"""Events of an authenticated client, message by message, with the conditions that decided them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stormdoor_audit.auditor.connection.pathway import Pathway
from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.interpreter.values import Instance, Mapping, Value
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.usage import is_defined, is_statement
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Decision", "Segment", "called_in", "is_of_lists", "place_of", "segments_of"]

_WHO = frozenset({"address", "credential", "principal"})
"""Labels of a condition that depends on who the client is, on what it proves, or on its address."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A condition that was decided on the way.

    Args:
        place: The condition, the calls around it, and the how-manieth time it was decided in this segment.
        outcome: What it was.
        event: The `branch`, or the call that refuses by an exception.
        at: Its index in the segment.
        by_client: The client decides it by what it sends: it depends on no identity, and on no setting.
    """

    place: tuple[object, ...]
    outcome: str
    event: Event
    at: int
    by_client: bool = False

    @property
    def of_user(self) -> bool:
        """True if it depends on the client's identity."""
        return not self.by_client and self.place[0] != "setting"


@dataclass(slots=True)
class Segment:
    """The handshake with one message of a way.

    Args:
        events: What happened, in order: the handshake, this message.
        begins: Index at which this message begins.
        decisions: The conditions that were decided, in the handshake and for this message.
        refusing: Calls that are given the user, and that refuse by an exception if at all.
        earlier: The conditions that were decided for messages before this one.
        before: What happened for messages before this one.
    """

    events: list[Event]
    begins: int
    decisions: list[Decision]
    refusing: list[Decision]
    earlier: list[Decision] = field(default_factory=list)
    before: list[Event] = field(default_factory=list)

    @property
    def asked(self) -> list[Decision]:
        """The decisions and the refusing calls, in order."""
        return sorted([*self.decisions, *self.refusing], key=lambda one: one.at)


def place_of(event: Event) -> tuple[int, ...]:
    """A place in the source, with the calls that led to it."""
    return (id(event.node), *(id(site) for _, site, _ in event.stack))


@remembered
def segments_of(endpoint: Endpoint) -> tuple[Segment, ...]:
    """Return every message of every way of an authenticated client, each with the handshake before it.

    A message after `open()` has closed is left out: that it is handled at all is another fault.
    """
    return tuple(_segments_of(endpoint.project, endpoint.member))


def _segments_of(project: Project, pathway: Pathway) -> Iterator[Segment]:
    paths = (*pathway.paths, *pathway.prefixes)
    seen = {(name, one.value) for path in paths for name, one in path.assumptions.items()}
    for path in paths:
        handshake, *messages = path.turns()
        settings = [
            Decision(
                ("setting", name),
                str(one.value),
                Event("branch", Stage.IMPORT, one.node, one.module),
                -1,
            )
            for name, one in path.assumptions.items()
            if (name, not one.value) in seen
        ]
        decisions = settings + list(_decided(handshake))
        yield Segment(handshake, 0, decisions, list(_refusing(project, handshake)))
        if any(event.kind == "close" for event in handshake):
            continue
        earlier: list[Decision] = []
        before: list[Event] = []
        for message in messages:
            whole = handshake + message
            decisions = list(_decided(whole))
            refusing = list(_refusing(project, whole))
            asked = settings + decisions
            yield Segment(whole, len(handshake), asked, refusing, list(earlier), list(before))
            before += message
            earlier += [
                replace(one, place=("earlier", *one.place), at=-1)
                for one in decisions
                if one.at >= len(handshake)
            ]


def _is_of_entries(event: Event, values: tuple[Value, ...]) -> bool:
    """`name in rooms`: whether there is such an entry; that entries note their owners does not matter."""
    return (
        len(values) == 2
        and isinstance(values[1], Mapping)
        and isinstance(event.node, ast.Compare)
        and not any(one.labels & _WHO for one in values)
    )


def _is_of_connection(event: Event) -> bool:
    """`room.host is self`: the connection stands for its user."""
    return "self" in event.labels and isinstance(event.node, ast.Compare)


def _is_login(event: Event) -> bool:
    """`self.user is None`, `if not self.user`: whether the client has logged in, which this client has."""
    if event.stage in {Stage.PREPARE, Stage.GET} and "principal" not in event.labels:
        return True
    if "client" in event.labels or "principal" not in event.labels:
        return False
    match event.node:
        case ast.Compare(left=who, ops=[ast.In() | ast.NotIn()], comparators=[table]):
            # `name in USERS`, and `USERS[name]`: whether there is such a user
            entry = f"{ast.unparse(table)}[{ast.unparse(who)}]"
            return any(entry in line for line in event.module.lines)
        case ast.Compare(comparators=[ast.Constant(value=None | False | "")]):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if lexicon.is_access_word(name) or "admin" in lexicon.words_of(name):
                return False
            early = event.stage in {Stage.PREPARE, Stage.GET}
            return early or lexicon.is_identity_name(name) or "proven" in event.labels
        case _:
            return False


def _decided(events: list[Event]) -> Iterator[Decision]:
    seen: dict[tuple[int, ...], int] = {}
    compared: dict[int, tuple[Value, ...]] = {}
    for at, event in enumerate(events):
        if event.kind == "check" and len(event.values) == 2:
            compared[id(event.node)] = event.values
        if event.kind == "branch":
            place = place_of(event)
            seen[place] = seen.get(place, 0) + 1
            values = compared.get(id(event.node), ())
            who = event.labels & _WHO or _is_of_connection(event)
            by_client = not who or _is_login(event) or _is_of_entries(event, values)
            yield Decision((*place, seen[place]), event.text, event, at, by_client=by_client)


def _refusing(project: Project, events: list[Event]) -> Iterator[Decision]:
    for at, event in enumerate(events):
        if event.kind in {"call", "check"} and event.text.startswith("@"):
            if lexicon.is_access_word(event.text):
                yield Decision(("raises", *place_of(event)), "raises", event, at)
            continue
        if event.kind not in {"call", "check"} or not isinstance(event.node, ast.Call):
            continue
        if event.text.partition(".")[0] in STDLIB | {"handler"}:
            continue
        raising = lexicon.is_raising_name(called_in(event))
        told = "principal" in event.labels or (
            isinstance(event.receiver, Instance) and event.receiver.handler
        )
        if not told or not (raising or "client" in event.labels) or is_of_lists(called_in(event)):
            continue
        if raising or (
            is_statement(event.module, event.node)
            and not lexicon.is_predicate(called_in(event))
            and is_defined(project, called_in(event))
        ):
            yield Decision(("raises", *place_of(event)), "raises", event, at)


def called_in(event: Event) -> str:
    """Return the name of what is called."""
    return (lexicon.chain_of(event.text.removeprefix("access: ")) or [""])[-1]


def is_of_lists(name: str) -> bool:
    """Return whether a method of this name puts one thing into a list or a set, or takes one out."""
    return name in _OF_LISTS


_OF_LISTS = frozenset({"add", "append", "appendleft", "discard", "extend", "insert", "remove"})
"""Methods of Python's own lists and sets that put one thing in or take one out."""
