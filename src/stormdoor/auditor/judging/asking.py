"""Whether anything asks what a client may do, before it is done, and does something about the answer."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

from stormdoor.auditor.connection.pathway import Path
from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.expressions.proofs import mark_at
from stormdoor.auditor.interpreter.values import labels_of, text_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.given import chosen_in
from stormdoor.auditor.judging.kinship import Kinship
from stormdoor.auditor.judging.questions import (
    FINDS,
    asks,
    last_of,
    may_raise,
    speaks_of_rights,
)
from stormdoor.auditor.judging.relevance import attribute_asked, is_about
from stormdoor.auditor.judging.swallowing import is_swallowed
from stormdoor.auditor.judging.themselves import Themselves
from stormdoor.auditor.judging.verbs import OF_SOMEBODY, THEMSELVES
from stormdoor.auditor.judging.wording import stems_of
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Module

__all__ = ["DOING", "Asking"]

_Way: TypeAlias = tuple[tuple[int, str], ...]
_BY_MESSAGE = frozenset({"after-accept", "skippable"})
"""Kinds of verdicts where a message may log somebody in."""
_FOUND_OUT = frozenset({"answer", "found", "principal", "proven"})
DOING = frozenset({"act", "join", "store", "dispatch", "picks"})
"""Kinds of events by which something is done."""
_COUNTS = FINDS | {"incr", "increment", "lock", "note", "touch"}
"""What may come before a log-in that the same message tries."""


@dataclass(frozen=True, slots=True)
class _Beside:
    nodes: frozenset[int]
    answers: frozenset[str]


class Asking:
    """What is asked on the ways of a client that is let in, and before what."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._paths = endpoint.member.paths
        self._complete = endpoint.member.complete
        self._events = endpoint.member.events
        self._themselves = Themselves(endpoint)
        self._kinship = Kinship(self._events)
        self._answers: dict[int, bool] = {}
        shown = [one for one in self._events if one.kind == "check" and "credential" in one.labels]
        self._proven = {label for one in shown for label in one.labels if label.startswith("@")}
        """Marks of what was found for a client that then proved to be who it said."""
        self._logs_in = bool(shown)
        # Behind a door that knows its user, or of an address, it is the thing itself whose secret is shown.
        logs_in = endpoint.authentication.kind in _BY_MESSAGE
        said = [
            one
            for one in shown
            if logs_in and "message" in one.labels and not _is_secret_of_a_thing(one)
        ]
        self._of_login = {label for one in said for label in one.labels if label.startswith("@")}
        self._beside_proof = frozenset[int]().union(
            *(_asked_with(one.module, one.node) for one in said)
        )
        questions = [event for event in self._events if self._asks(event)]
        self.before_accept = any(
            one.stage in {Stage.PREPARE, Stage.GET} and self._may_refuse(one) for one in questions
        )
        self.anything = bool(questions)
        self._asked_of = {
            label for one in questions for label in one.labels if label.startswith("@")
        }
        self._questions = questions
        self._stops: dict[tuple[int, int], bool] = {}
        self._done: dict[int, set[_Way]] = {}

    def _asks(self, event: Event) -> bool:
        """Whether it is asked what the client may, and not who it is or if it is here already."""
        # INVARIANT: the ways hold the events, or another would have the id of one.
        known = self._answers.get(id(event))
        if known is None:
            known = (
                asks(event)
                and not self._themselves.asked(event)
                and not self._is_part_of_login(event)
                and attribute_asked(event) not in self._freely_kept
            )
            self._answers[id(event)] = known
        return known

    @cached_property
    def _freely_kept(self) -> frozenset[str]:
        """The lists of the connection's own into which it puts what the client says, and asks nothing."""
        found: set[str] = set()
        for path in self._paths:
            asked = False
            for event in path.events:
                asked = asked or (not attribute_asked(event) and asks(event))
                if event.kind == "keeps" and not asked and "client" in event.labels:
                    found.add(event.text)
        return frozenset(found)

    def _is_part_of_login(self, event: Event) -> bool:
        """`row is not None and row["name"] == data["name"] and row["password"] == data["password"]`.

        Whether there is such a user is asked there, and nothing about what it may.
        """
        if event.kind == "call":
            return mark_at(event.node) in self._of_login
        if not event.text.startswith("access: ") or speaks_of_rights(event.text):
            return False
        return self._is_of_who_logs_in(event)

    def _is_of_who_logs_in(self, event: Event) -> bool:
        """Whether a question is about the user whom a message proves to be its sender."""
        marks = {label for label in event.labels if label.startswith("@")}
        return id(event.node) in self._beside_proof or (bool(marks) and marks <= self._of_login)

    def _may_refuse(self, question: Event) -> bool:
        """Whether anybody is refused for the answer: `if not profile: return` in `prepare()` refuses none."""
        if question.kind == "call" or question.text.startswith("@") or may_raise(question):
            return True
        return any(
            path.outcome == "refused" and any(one.node is question.node for one in path.events)
            for path in self._paths
        )

    def leaves_open(self, doing: Event) -> bool:
        """Whether it is done on some way on which no question that matters came before."""
        if self._belongs_to_login(doing):
            return False
        if not self.anything and not self._logs_in:
            return True
        if self.before_accept or mark_at(doing.node) in self._asked_of:
            return False  # what is found is asked about before anything is done with it
        wanted = id(doing.node)
        beside = self._beside(doing)
        for path in self._paths:
            if self._is_switched_off(path, wanted):
                continue
            asked = False
            marks: set[str] = set()
            proven = _proven_later(path, doing)
            for at, event in enumerate(path.events):
                if self._asks(event):
                    marks |= {label for label in event.labels if label.startswith("@")}
                asked = asked or (
                    self._asks(event)
                    and id(event.node) not in beside.nodes
                    and not event.labels & beside.answers
                    and self._matters(event, doing)
                )
                done = id(event.node) == wanted and event.kind in DOING
                # What was found was asked about when an earlier message had the connection keep it.
                kept = done and bool(event.labels & marks) and _is_held(event.node)
                if done and not (asked or kept) and at not in proven:
                    return True
        return False

    def _is_switched_off(self, path: Path, wanted: int) -> bool:
        """Whether a setting that has to do with who is let in keeps it from asking: it is told elsewhere."""
        if not any(map(lexicon.concerns_identity, path.assumptions)):
            return False
        if self._asks_before(path, wanted):
            return False
        asked_with = {
            (one.name, one.value)
            for other in self._paths
            if self._asks_before(other, wanted)
            for one in other.assumptions.values()
        }
        return any(
            lexicon.concerns_identity(one.name)
            and (one.name, not one.value) in asked_with
            and (one.name, one.value) not in asked_with
            for one in path.assumptions.values()
        )

    def _asks_before(self, path: Path, wanted: int) -> bool:
        """Whether anything is asked before the deed, or without it."""
        for event in path.events:
            if id(event.node) == wanted and event.kind in DOING:
                return False
            if self._asks(event):
                return True
        return False

    def _beside(self, doing: Event) -> _Beside:
        """Questions that are about something else, and what is known of their answers."""
        about: dict[int, bool] = {}
        nodes: dict[int, ast.AST] = {}
        for one in self._questions:
            if one.kind == "call" or len(one.values) == 2:
                key = id(one.node)
                nodes[key] = one.node
                related = is_about(one, doing) and self._kinship.meet(one, doing)
                about[key] = about.get(key, False) or related
        off = {key for key, related in about.items() if not related}
        return _Beside(frozenset(off), frozenset(mark_at(nodes[key]) for key in off))

    def asked_before(self, doing: Event) -> bool:
        """Whether a question that matters comes before it on every way."""
        if self._belongs_to_login(doing):
            return True
        done = any(id(one.node) == id(doing.node) for one in self._events)
        return (self.anything or self._logs_in) and done and not self.leaves_open(doing)

    def _belongs_to_login(self, doing: Event) -> bool:
        """Whether it looks up whose password is then compared, or is done with what was found so."""
        held = doing.receiver
        if mark_at(doing.node) in self._proven or (
            held is not None and self._proven & labels_of(held)
        ):
            return True
        said = chosen_in(doing)
        return bool(said) and all(one.labels & self._proven for one in said)

    def acts_after(self, choice: Event, *, kinds: frozenset[str]) -> bool:
        """Whether something of these kinds is done on a way on which the client chose here."""
        for path in self._paths:
            chosen = False
            for event in path.events:
                if chosen and event.kind in kinds:
                    return True
                chosen = chosen or id(event.node) == id(choice.node)
        return False

    @cached_property
    def _turns(self) -> list[tuple[list[Event], frozenset[int], _Way]]:
        """What happens for each message, the places of it, and which kind of message it is."""
        return [
            (turn, frozenset(id(event.node) for event in turn), _way_of(turn))
            for path in self._paths
            for turn in _turns(path)
        ]

    def _ways_of_doing(self, wanted: int) -> set[_Way]:
        """The kinds of messages that have something done."""
        known = self._done.get(wanted)
        if known is None:
            known = self._done[wanted] = {
                _way_of(turn, wanted)
                for turn, places, _ in self._turns
                if wanted in places
                and any(id(event.node) == wanted and event.kind in DOING for event in turn)
            }
        return known

    def _is_kept_from(self, question: int, wanted: int) -> bool:
        """Whether it was left undone after the question, for a message of a kind that has it done."""
        for turn, places, way in self._turns:
            if question not in places:
                continue
            left, refused = _is_left_undone(turn, question, wanted)
            if left and (
                refused or any(_is_one_kind(way, other) for other in self._ways_of_doing(wanted))
            ):
                return True
        return False

    def _matters(self, question: Event, doing: Event) -> bool:
        """Whether the answer can keep it from being done: on some way it is not done after it."""
        wanted = id(doing.node)
        key = (id(question.node), wanted)
        known = self._stops.get(key)
        if known is None:
            known = self._stops[key] = (
                question.text.startswith("@")
                or self._is_of_who_logs_in(question)  # who may not is not in, for later messages
                or (may_raise(question) and not is_swallowed(question, doing))
                or self._is_kept_from(key[0], wanted)
                or not (self._complete or self._is_done_either_way(key[0], wanted))
            )
        return known

    def _is_done_either_way(self, question: int, wanted: int) -> bool:
        """Whether it was seen to be done after each of two answers, where not every way was followed."""
        answers = {
            event.text
            for turn, places, _ in self._turns
            if question in places and wanted in places
            for event in turn
            if event.kind == "branch" and id(event.node) == question
        }
        return {"True", "False"} <= answers


def _is_secret_of_a_thing(question: Event) -> bool:
    """`hmac.compare_digest(jobs[data["job"]].secret, data["secret"])`: who has it may, whoever it is."""
    return any(
        labels_of(one) >= {"client", "found"} and bool(_THINGS & stems_of(text_of(one)))
        for one in question.values
    )


_THINGS = OF_SOMEBODY - THEMSELVES - {"session", "uuid"}


@lru_cache(maxsize=1024)
def _asked_with(module: Module, node: ast.AST) -> frozenset[int]:
    """All that is a part of the condition in which a credential is compared."""
    for one in ast.walk(module.tree):
        if isinstance(one, ast.BoolOp):
            parts = frozenset(map(id, ast.walk(one)))
            if id(node) in parts:
                return parts
    return frozenset({id(node)})


def _is_held(node: ast.AST) -> bool:
    """`self.opened[message["board"]].delete()`: done to what the connection holds, as it stands there."""
    held = node.func if isinstance(node, ast.Call) else node
    if isinstance(held, ast.Attribute) and isinstance(node, ast.Call):
        held = held.value
    while isinstance(held, ast.Subscript):
        held = held.value
    return (
        isinstance(held, ast.Attribute)
        and isinstance(held.value, ast.Name)
        and held.value.id == "self"
    )


def _proven_later(path: Path, doing: Event) -> frozenset[int]:
    """Where it is done under a name that the same message then proves: tries are counted, a row is locked."""
    wanted = id(doing.node)
    names: set[str] = set()
    found: set[int] = set()
    for at in range(len(path.events) - 1, -1, -1):
        event = path.events[at]
        if event.kind == "message":
            names = set()
        elif event.kind == "check" and "credential" in event.labels:
            names |= {one.text for one in chosen_in(event) if "credential" not in one.labels}
        elif id(event.node) == wanted and event.kind in DOING:
            said = {one.text for one in chosen_in(event) if not one.labels & {"answer", "found"}}
            counts = event.kind == "store" or bool(_COUNTS & set(lexicon.words_of(last_of(event))))
            if counts and said and said <= names:
                found.add(at)
    return frozenset(found)


def _turns(path: Path) -> Iterator[list[Event]]:
    """What happens for each message, the first with what came before it, if it is known how it ended."""
    ended = path.outcome == "refused" or path.open_end in {"raised", "closed"}
    if not (ended or path.message_end):
        return
    begin = 0
    for end in path.handled or [len(path.events)]:
        yield path.events[begin:end]
        begin = end


def _way_of(turn: list[Event], wanted: int = 0) -> _Way:
    """Which kind of message it is: how what the client says had it go, up to where something is done."""
    way: list[tuple[int, str]] = []
    for event in turn:
        if event.kind == "branch" and event.stage == Stage.MESSAGE:
            if "client" in event.labels and not event.labels & _FOUND_OUT:
                way.append((id(event.node), event.text))
        elif id(event.node) == wanted and event.kind in DOING:
            break
    return tuple(way)


def _is_one_kind(way: _Way, other: _Way) -> bool:
    """Whether one goes as the other does, as far as it goes."""
    shorter = min(len(way), len(other))
    return way[:shorter] == other[:shorter]


def _is_left_undone(events: list[Event], question: int, wanted: int) -> tuple[bool, bool]:
    """Whether it was not done after the question, and whether the client was refused then."""
    waiting = False
    for event in events:
        if id(event.node) == question and event.kind != "branch":
            waiting = True
        elif waiting and event.kind in {"close", "finish"}:
            return True, True
        elif waiting and id(event.node) == wanted and event.kind in DOING:
            waiting = False
    return waiting, False
