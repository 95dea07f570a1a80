"""Distinctions between users in a program, and actions on the same store without them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.interpreter.tables import STORE, root_of
from stormdoor_audit.auditor.interpreter.values import Instance, Labels, Mapping, labels_of
from stormdoor_audit.auditor.judging.dominating import Way, is_open, is_related
from stormdoor_audit.auditor.judging.effects import (
    Effect,
    Effects,
    fields_in,
    is_found,
    store_of,
)
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.segments import Decision, Segment, called_in, segments_of
from stormdoor_audit.auditor.judging.swallowing import is_swallowed
from stormdoor_audit.auditor.judging.unused import unused_rights
from stormdoor_audit.auditor.judging.usage import function_of, imported_by, is_ignored, is_statement
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Module

__all__ = [
    "Distinction",
    "Distinctions",
    "Fault",
    "distinctions_of",
    "is_permission",
]

_Key: TypeAlias = tuple[object, ...]
_CLIENT = frozenset({"answer", "found"})
_HANDSHAKE = frozenset({Stage.PREPARE, Stage.GET})
_CHANGES = frozenset({"add", "change", "make", "put"})
_DOES = frozenset({"act", "call", "close", "join", "send", "store"})


@dataclass(frozen=True, slots=True)
class Distinction:
    """Proof that the program tells users apart.

    Args:
        event: The condition, the look-up by user, or the record that notes its owner.
        of_role: It looks at the user alone, and not at what belongs to the user.
        effect: The effect that it guards, or None.
        how: `condition`, `look-up` or `record`; `unused` of a right that the program asks for nowhere. Of a
            condition that does not prevent the effect: `another object` if it is on another object, `on some
            ways` if some messages skip it, `claimed` if it looks at what the client says of itself, or else
            `without effect`.
    """

    event: Event
    of_role: bool
    effect: Effect | None
    how: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An effect that a client has without the right that the program asks for elsewhere."""

    effect: Effect
    proof: Distinction


class Distinctions:
    """Effects of an endpoint, and whether each client can have them.

    Args:
        endpoint: The endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._segments = segments_of(endpoint)
        self._kinds = self._fields_of_kinds()
        self._finder = Effects(endpoint.project, self._segments)
        self._joint = _joint(self._segments)
        self._endpoint = endpoint
        self._ways: dict[_Key, list[Way]] = {}
        self._effects: dict[_Key, list[Effect]] = {}
        self._went: set[tuple[object, ...]] = set()
        for segment in self._segments:
            self._note(segment)
        self._guarded: list[Distinction] = []
        self._open: list[Effect] = []
        self._closed: list[Effect] = []
        for key in self._effects:
            self._sort(key)
        self._refusals: dict[int, bool] = {}
        self._restricted = any(
            is_permission(one) and one.event.stage in _HANDSHAKE
            for segment in self._segments
            for one in segment.decisions
        )
        """True if only some users are admitted at all."""
        self._own = list(self._own_look_ups())
        self._ran = {function_of(event) for one in self._segments for event in one.events}

    @property
    def guards(self) -> list[Distinction]:
        """Conditions on the client's identity, each with an effect that it guards."""
        return self._guarded

    @property
    def all_guarded(self) -> bool:
        """Return True if each effect on an object that the client names has a condition before it."""
        asked = (one.event.node for one in self._guarded)
        return bool(self._effects) and not self._open and all(map(_is_question, asked))

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """Effects that a client without the right has, each action once, in the order of the source."""
        return tuple(self._faults())

    def _faults(self) -> Iterator[Fault]:
        said: set[object] = set()
        found = [(effect, self._proof(effect)) for effect in self._open]
        found += [(effect, self._unused(effect)) for effect in self._closed]
        for effect, proof in sorted(found, key=_line):
            where = function_of(effect.event)
            if proof is not None and where not in said:
                said.add(where)
                yield Fault(effect, proof)

    # what is asked ----------------------------------------------------------------------------

    def _fields_of_kinds(self) -> Labels:
        """Fields that say what is done: they are compared with constants, or pick a function."""
        found: Labels = frozenset()
        for segment in self._segments:
            for one in segment.decisions:
                labels = one.event.labels
                if one.by_client and not labels & _CLIENT and _tells_kinds(one.event.node):
                    found |= frozenset(label for label in labels if label.startswith("#."))
            for event in segment.events:
                if event.kind in {"dispatch", "picks"}:
                    found |= frozenset(label for label in event.labels if label.startswith("#."))
        return found

    def _note(self, segment: Segment) -> None:
        changed: set[str] = set()
        for effect in self._finder.of(segment):
            if effect.kind == "read" and effect.root in changed:
                continue  # it answers the change, which is judged
            changed |= {effect.root} if effect.kind in _CHANGES else set()
            before = [one for one in segment.asked if one.at < effect.at]
            if "kept" in _labels(effect):
                before = [*segment.earlier, *before]
            tied = [
                fields_in(one.event.labels)
                for one in before
                if one.by_client and is_found(one.event.labels)
            ]
            related: list[Decision] = []
            others: list[Decision] = []
            for one in before:
                if one.outcome == "raises" and (
                    one.event.node is effect.event.node or is_swallowed(one.event, effect.event)
                ):
                    continue
                of_user = not one.by_client or (
                    id(one.event.node) in self._joint and is_found(one.event.labels)
                )
                if one.event.stage in _HANDSHAKE and not fields_in(one.event.labels):
                    of_user = (
                        False  # it holds for all that follows, and does not tell actions apart
                    )
                mine = of_user and is_related(one.event, effect, self._kinds, tied)
                (related if mine else others).append(one)
            key = _key(effect)
            self._effects.setdefault(key, []).append(effect)
            went = (key, *((one.place, one.outcome) for one in before))
            own = effect.by_principal or _is_made_before(segment, effect)
            if not own and went not in self._went:
                self._went.add(went)
                self._ways.setdefault(key, []).append(Way(tuple(related), tuple(others)))

    def _sort(self, key: _Key) -> None:
        effect, ways = self._effects[key][0], self._ways.get(key, [])
        if effect.kind == "make":
            return  # what there is stays as it is
        if not ways:
            self._guarded.append(Distinction(effect.event, False, effect, "look-up"))
            return
        if is_open(ways):
            self._open.append(effect)
            return
        self._closed.append(effect)
        for one in (one for way in ways for one in way.asked):
            if is_permission(one):
                of_role = not fields_in(one.event.labels)
                self._guarded.append(Distinction(one.event, of_role, effect, "condition"))
                return

    # proofs -----------------------------------------------------------------------------------

    def _proof(self, effect: Effect) -> Distinction | None:
        return (
            next((one for one in self._guarded if _needs_the_same(one, effect)), None)
            or self._on_some_ways(effect)
            or self._in_vain(effect)
            or self._of_the_client(effect)
            or self._about_another(effect)
            or self._own_elsewhere(effect)
            or self._record(effect)
            or self._guarded_beside(effect)
            or self._unused(effect)
        )

    def _unused(self, effect: Effect) -> Distinction | None:
        """A right that the program defines for this object, and asks for nowhere."""
        if effect.kind not in {"change", "put"} or self._restricted:
            return None
        held = effect.event.receiver
        owner = held.info.node if isinstance(held, Instance) else None
        bases = [one.module for one in self._endpoint.info.mro if isinstance(one, ClassInfo)]
        near = dict.fromkeys((effect.event.module, self._endpoint.module, *bases))
        imported = [two for one in near for two in imported_by(self._endpoint.project, one)]
        for module in dict.fromkeys((*near, *imported)):
            if not module.inside:
                continue  # a library may use what stands there
            for one in unused_rights(self._endpoint.project, module):
                if one.node in self._ran:
                    continue  # a message picks it by its name
                if effect in self._open or (owner is not None and one.owner is owner):
                    event = Event("unused", effect.event.stage, one.node, one.module)
                    return Distinction(event, False, None, "unused")
        return None

    def _guarded_beside(self, effect: Effect) -> Distinction | None:
        """A condition of another handler of the same file."""
        guards = (one for other in self._endpoint.beside for one in distinctions_of(other).guards)
        return next((one for one in guards if _needs_the_same(one, effect)), None)

    def _own_look_ups(self) -> Iterator[tuple[str, Event]]:
        """Look-ups by the user: each with its store."""
        for segment in self._segments:
            for event in segment.events:
                of_found = event.receiver is not None and is_found(event.receiver.labels)
                if event.kind != "call" or of_found or is_statement(event.module, event.node):
                    continue
                store, words = store_of(event), labels_of(*(one for _, one in event.words))
                rows = [one for one in event.values if isinstance(one, Mapping)]
                told = labels_of(*event.values) if ":" in store else labels_of(*rows)
                if store and "principal" in told | words:
                    yield store, event

    def _on_some_ways(self, effect: Effect) -> Distinction | None:
        """A condition on the user and on this object that keeps other messages from the same effect."""
        ways = self._ways[_key(effect)]
        for one in {
            one.place: one for way in ways for one in way.asked if is_permission(one)
        }.values():
            if not fields_in(one.event.labels) - self._kinds:
                continue
            asked = [way for way in ways if any(two.place == one.place for two in way.asked)]
            others = [way for way in ways if all(two.place != one.place for two in way.asked)]
            if not is_open(asked) and not any(_rests_on_object(way, one) for way in others):
                return Distinction(one.event, False, None, "on some ways")
        return None

    def _of_the_client(self, effect: Effect) -> Distinction | None:
        """A condition on a role that the client itself says it has, always met before the effect."""
        for one in self._ways[_key(effect)][0].chosen:
            if one.by_client and _is_claim(one.event) and self._always(effect, one):
                return Distinction(one.event, True, None, "claimed")
        return None

    def _always(self, effect: Effect, decision: Decision) -> bool:
        """Return True if a condition goes the same on each way to the effect."""
        return all(
            any(
                one.place == decision.place and one.outcome == decision.outcome
                for one in way.chosen
            )
            for way in self._ways[_key(effect)]
        )

    def _in_vain(self, effect: Effect) -> Distinction | None:
        """A condition on the user and on this object that does not keep the effect from happening."""
        if effect.kind.startswith("call"):
            return None
        for segment in self._segments:
            done = [
                at for at, event in enumerate(segment.events) if event.node is effect.event.node
            ]
            if not done:
                continue
            for one in segment.decisions:
                late = one.at > done[-1] and is_permission(one)
                passed = segment.begins <= one.at < done[-1] and _is_denial(one)
                if (
                    (late or passed)
                    and is_related(one.event, effect, self._kinds, ())
                    and self._refuses(one)
                ):
                    of_role = not fields_in(one.event.labels)
                    return Distinction(one.event, of_role, None, "without effect")
            for event in segment.events[segment.begins :]:
                if event.kind == "always" and is_related(event, effect, self._kinds, ()):
                    return Distinction(event, not fields_in(event.labels), None, "without effect")
                if (
                    event.kind in {"call", "check"}
                    and event.node is not effect.event.node
                    and "principal" in event.labels
                    and fields_in(event.labels)
                    and is_related(event, effect, frozenset(), ())
                    and is_ignored(event)
                ):
                    return Distinction(event, False, None, "without effect")
            for one in segment.refusing:
                if (
                    is_swallowed(one.event, effect.event)
                    and one.at < effect.at
                    and is_related(one.event, effect, frozenset(), ())
                ):
                    return Distinction(one.event, False, None, "without effect")
        return None

    def _refuses(self, decision: Decision) -> bool:
        """Return True if an effect needs this permission, or if its denial is only a refusal in words."""
        key = id(decision.event.node)
        if key not in self._refusals:
            self._refusals[key] = self._is_refusal(decision)
        return self._refusals[key]

    def _is_refusal(self, decision: Decision) -> bool:
        yes: dict[int, Event] = {}
        no: dict[int, Event] = {}
        for segment in self._segments:
            for one in segment.decisions:
                if one.event.node is decision.event.node:
                    then = (event for event in segment.events[one.at :] if event.kind in _DOES)
                    (yes if _permits(one) else no).update({id(event.node): event for event in then})
        only = [event for key, event in no.items() if key not in yes]
        return bool(yes.keys() - no.keys()) or (bool(only) and all(map(_is_words, only)))

    def _about_another(self, effect: Effect) -> Distinction | None:
        """A condition on the user and on another object, which always holds before the effect."""
        if effect.kind not in {"change", "read"}:
            return None
        for one in self._ways[_key(effect)][0].chosen:
            fields = fields_in(one.event.labels)
            on_object = fields and not fields <= self._kinds
            on_object = on_object or f"{STORE}{effect.root}" in one.event.labels
            if on_object and is_permission(one) and self._always(effect, one):
                return Distinction(one.event, False, None, "another object")
        return None

    def _own_elsewhere(self, effect: Effect) -> Distinction | None:
        """A look-up by the user in the store that this changes without naming the user."""
        if effect.kind != "change" or self._restricted:
            return None
        found = next((event for store, event in self._own if store == effect.root), None)
        return Distinction(found, False, None, "look-up") if found is not None else None

    def _record(self, effect: Effect) -> Distinction | None:
        """A record that notes its owner when it is made, and that is changed without asking for the owner."""
        if effect.kind != "change" or self._restricted:
            return None
        for other in (effects[0] for effects in self._effects.values()):
            if other.records and other.root == effect.root and other.kind in {"put", "add", "make"}:
                return Distinction(other.event, False, other, "record")
        return None


@remembered
def distinctions_of(endpoint: Endpoint) -> Distinctions:
    """The distinctions of an endpoint, found once."""
    return Distinctions(endpoint)


def _needs_the_same(guard: Distinction, effect: Effect) -> bool:
    """Return True if the effect needs the permission that this guard checks, too.

    Membership in an object is needed for all that is done with it. The right to change it says nothing about
    the right to read it.
    """
    known = guard.effect
    if known is None or not known.root or known.root != effect.root:
        return False
    if known.kind == effect.kind:
        return not (effect.records and effect.kind in {"put", "add"} and not _is_member(guard))
    if effect.kind.startswith("call"):
        return False
    if effect.kind == "put":
        return guard.how == "look-up" and not effect.records
    if effect.kind == "join" and _is_of_joined(guard, effect):
        return False  # by this it becomes a member
    return _is_member(guard) or (effect.kind == "change" and known.kind in {"add", "put", "read"})


def _is_member(guard: Distinction) -> bool:
    """`user in room.members`."""
    node = guard.event.node
    if guard.how == "look-up":
        return guard.effect is not None and guard.effect.kind != "change"
    return (
        not guard.of_role
        and isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.In | ast.NotIn)
    )


def _is_of_joined(guard: Distinction, effect: Effect) -> bool:
    """`self in room.players`, and `room.players.add(self)`."""
    node = guard.event.node
    asked = ast.unparse(node.comparators[0]) if isinstance(node, ast.Compare) else ""
    return effect.event.text.rpartition(".")[0].endswith(f".{asked.rpartition('.')[2]}")


def _is_denial(decision: Decision) -> bool:
    """Return True if a condition on the client's identity was not met."""
    return decision.of_user and not _permits(decision)


def is_permission(decision: Decision) -> bool:
    """Return True if a condition on the client's identity was met."""
    return decision.of_user and _permits(decision)


def _permits(decision: Decision) -> bool:
    """Return True if a condition was met by an owner, a member or a role; and not by their absence."""
    if decision.outcome == "raises":
        return True
    node, met = decision.event.node, decision.outcome == "True"
    if isinstance(node, ast.Compare) and _is_presence(node):
        return met is not isinstance(node.ops[0], ast.Eq | ast.Is)
    if isinstance(node, ast.Compare):
        return met is isinstance(node.ops[0], ast.Eq | ast.In | ast.Is)
    return met


def _is_question(node: ast.AST) -> bool:
    """Return whether a condition is about a right, and not about any value of the user: `user.team`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return lexicon.is_access_word(name) or bool(_ADMIN & {*lexicon.words_of(name)})
        case _:
            return True


def _rests_on_object(way: Way, but: Decision) -> bool:
    """Return True if the state of an object decides, and no message: `if room.public: …`."""
    return any(
        one.by_client
        and is_found(one.event.labels)
        and one.place != but.place
        and not _is_presence(one.event.node)
        for one in way.chosen
    )


def _joint(segments: tuple[Segment, ...]) -> frozenset[int]:
    """Conditions on the object that stand in one expression with one on the user.

    `not room.public and room.owner != self.current_user`.
    """
    asked = {
        id(one.event.node): one.event.module
        for segment in segments
        for one in segment.decisions
        if one.of_user
    }
    return frozenset(
        part
        for module in set(asked.values())
        for parts in _combined(module)
        if parts & asked.keys()
        for part in parts
    )


@lru_cache(maxsize=256)
def _combined(module: Module) -> tuple[frozenset[int], ...]:
    """The parts of each `and` and `or`."""
    return tuple(
        frozenset(map(id, ast.walk(node)))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.BoolOp)
    )


def _is_presence(node: ast.AST) -> bool:
    """`room is None`: whether there is one."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.comparators[-1], ast.Constant)
        and not node.comparators[-1].value
    )


def _tells_kinds(node: ast.AST) -> bool:
    match node:
        case ast.Compare(comparators=[ast.Constant(value=str() | int() as value)]):
            return value not in {"", 0}
        case (
            ast.Compare(comparators=[ast.Name(id=name)])
            | ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Attribute(attr=name)])
        ):
            return name.isupper()
        case ast.Compare(comparators=[ast.Attribute() | ast.Tuple() | ast.Set() | ast.List()]):
            return True
        case ast.Compare():
            return False
        case _:
            return isinstance(node, ast.Call | ast.Subscript | ast.pattern)


def _labels(effect: Effect) -> Labels:
    held = [effect.event.receiver] if effect.event.receiver is not None else []
    return labels_of(*held, *effect.event.values)


def _is_claim(event: Event) -> bool:
    """`data["role"] == "admin"`: a field of the client's own says what it may."""
    value = event.values[0] if event.values else None
    fields = {one.rpartition(".")[2] for one in fields_in(event.labels)}
    return (
        value is not None
        and not is_found(event.labels)
        and any(
            one and (lexicon.is_access_word(one) or _ADMIN & {*lexicon.words_of(one)})
            for one in fields
        )
    )


_ADMIN = frozenset({"admin", "superuser", "staff"})


def _is_words(event: Event) -> bool:
    """Return True if an event only reports a refusal: it sends a constant, or logs it."""
    return (event.kind == "send" and event.constant) or (
        event.kind == "call"
        and (
            event.text.partition(".")[0] in STDLIB
            or not event.values
            or event.text in {"print", "handler.write_message"}
            or called_in(event)[:1].isupper()
        )
    )


def _key(effect: Effect) -> _Key:
    return (*effect.place, effect.root, effect.kind)


def _is_made_before(segment: Segment, effect: Effect) -> bool:
    """Return whether an earlier message of this connection made what the effect is done to."""
    return any(
        event.kind in {"join", "store"}
        and event.labels & {"principal", "self"}
        and root_of(event.text) == effect.root
        for event in segment.before
    )


def _line(found: tuple[Effect, Distinction | None]) -> tuple[str, int]:
    effect = found[0]
    return effect.event.module.name, getattr(effect.event.node, "lineno", 0)
