"""What happens to a client that is let in, message by message, with what decided it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stormdoor.auditor.connection.pathway import Pathway
from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import Mapping, Value
from stormdoor.auditor.naming import lexicon

__all__ = ["Decision", "Segment", "place_of", "segments_of"]

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
        """Whether it depends on who the client is."""
        return not self.by_client and self.place[0] != "setting"


@dataclass(slots=True)
class Segment:
    """The handshake with one message of a way.

    Args:
        events: What happened, in order: the handshake, messages before this one, this message.
        begins: Index at which this message begins.
        decisions: The conditions that were decided, in the handshake and for this message.
        earlier: Those that were decided for messages before this one.
    """

    events: list[Event]
    begins: int
    decisions: list[Decision] = field(default_factory=list)
    earlier: list[Decision] = field(default_factory=list)


def place_of(event: Event) -> tuple[int, ...]:
    """A place in the source, with the calls that led to it."""
    return (id(event.node), *(id(site) for _, site, _ in event.stack))


def segments_of(pathway: Pathway) -> Iterator[Segment]:
    """Every message of every way; each is told with the handshake before it.

    A message after `open()` has closed is left out: that it is handled at all is another fault.
    """
    for path in (*pathway.paths, *pathway.prefixes):
        events = path.events
        starts = [at for at, event in enumerate(events) if event.kind == "message"]
        handshake = events[: starts[0]] if starts else events
        settings = [
            Decision(
                ("setting", name),
                str(one.value),
                Event("branch", Stage.IMPORT, one.node, one.module),
                -1,
            )
            for name, one in path.assumptions.items()
        ]
        yield Segment(handshake, 0, settings + list(_decided(handshake)))
        if any(event.kind == "close" for event in handshake):
            continue
        earlier: list[Decision] = []
        for start, end in zip(starts, [*starts[1:], len(events)], strict=False):
            whole = handshake + events[start:end]
            decisions = list(_decided(whole))
            yield Segment(whole, len(handshake), settings + decisions, list(earlier))
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
            return lexicon.is_identity_name(name) and "admin" not in lexicon.words_of(name)
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
            by_client = not event.labels & _WHO or _is_login(event) or _is_of_entries(event, values)
            yield Decision((*place, seen[place]), event.text, event, at, by_client=by_client)
