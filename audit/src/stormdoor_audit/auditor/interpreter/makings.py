"""Effects of a metaclass on a class, kept for the ways that reach the class in the same state."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.events import Assumption, Event
from stormdoor_audit.auditor.interpreter.heap import Heap
from stormdoor_audit.auditor.interpreter.outcomes import TooFar
from stormdoor_audit.auditor.interpreter.surroundings import Surroundings

__all__ = ["Making", "Makings"]

_K = TypeVar("_K")
_V = TypeVar("_V")

_PLAIN = (ast.AST, int)
"""Types that a making may store in an attribute of the way: nodes, numbers and flags."""


@dataclass(frozen=True, slots=True)
class Making:
    """Result of a making that put nothing into a class, and changed no existing value.

    Args:
        choices: What was chosen in it.
        too_far: Whether it ended because it took more work than it is worth.
        marks: What attributes of the way were set to, as the steps taken and the last call are.
        events: What happened.
        assumptions: Settings that were taken to be true or false.
        finders: Classes that were asked for what only a base has that was not read.
        classes: The ids of other classes that were made for it, and nothing was put into them either.
    """

    choices: list[int]
    too_far: bool
    marks: dict[str, object]
    events: list[Event]
    assumptions: dict[str, Assumption]
    finders: dict[str, ClassInfo]
    classes: list[int]


class Makings(Surroundings):
    """Ways on which classes are made."""

    watching = False
    """True while a making runs that may be kept, with those that it needs."""
    makings: dict[tuple[int, ...], list[Making]]
    """Those of all ways so far, by the class, the steps before and the choices before."""

    def make(self, info: ClassInfo, by_metaclass: Callable[[], None]) -> None:
        """Have a metaclass make a class, or leave behind what that left on a way before.

        INVARIANT: what a way finds depends on its choices alone. Where another way had made the same
        choices, and as many steps, everything was as it is here, and a making goes as it went there.

        Raises:
            TooFar: It takes more work than it is worth.
        """
        if self.watching:
            by_metaclass()
            return
        known = self.makings.setdefault((id(info), self.steps, *self.made), [])
        for making in known:
            at = len(self.made)
            if making.choices == self.plan[at : at + len(making.choices)]:
                self._leave(making)
                return
        self.watching = True
        try:
            self._watch(by_metaclass, known)
        finally:
            self.watching = False

    def _watch(self, by_metaclass: Callable[[], None], known: list[Making]) -> None:
        """Make a class, and keep what is left of that."""
        before = _Before(self)
        try:
            by_metaclass()
        except TooFar:
            known += before.left(too_far=True)
            raise
        known += before.left(too_far=False)

    def _leave(self, making: Making) -> None:
        """Leave behind what a making left on another way."""
        vars(self).update(making.marks)
        self.made += making.choices
        self.events += making.events
        self.assumptions |= making.assumptions
        self.finders |= making.finders
        self.overlays |= {one: {} for one in making.classes}
        if making.too_far:
            raise TooFar


class _Growth(Generic[_K, _V]):
    """A table, and what was in it."""

    def __init__(self, table: dict[_K, _V]) -> None:
        self.table, self.before = table, table.copy()

    @property
    def is_only_added_to(self) -> bool:
        """Return True if all of its former content is still there."""
        return all(self.table.get(key) is value for key, value in self.before.items())

    @property
    def added(self) -> dict[_K, _V]:
        """Return the content added since."""
        return {key: value for key, value in self.table.items() if key not in self.before}


class _Before:
    """A way before a class is made on it."""

    def __init__(self, way: Makings) -> None:
        self._way = way
        self._made, self._happened = len(way.made), len(way.events)
        self._assumptions, self._finders = _Growth(way.assumptions), _Growth(way.finders)
        self._overlays, self._chosen = _Growth(way.overlays), _Growth(way.chosen)
        self._attributes = vars(way).copy()
        self._heap = Heap(
            [*vars(way).values(), *way.overlays.values(), *way.chosen.values()],
            without=[
                *(way, way.events, way.assumptions, way.finders, way.overlays, way.chosen),
                # How far the way is, and which others there are, says nothing about the program.
                *(way.plan, way.made, way.own, way.seen, way.begun_with, way.makings),
                *(way.alternatives, way.unlike_shipped, way.unlikely),
            ],
        )

    def left(self, *, too_far: bool) -> list[Making]:
        """Return the result of the making; none if another way could not reproduce it."""
        way, marks = self._way, self._marks()
        if (
            not all(isinstance(one, _PLAIN) for one in marks.values())
            or not self._heap.is_unchanged()
            or not self._assumptions.is_only_added_to
            or not self._finders.is_only_added_to
            or not self._overlays.is_only_added_to
            or not self._chosen.is_only_added_to
            or any(self._overlays.added.values())
            # No code asks for an answer about objects that are gone with the making.
            or any(value in self._heap for value, _ in self._chosen.added.values())
        ):
            return []
        made = Making(
            choices=way.made[self._made :],
            too_far=too_far,
            marks=marks,
            events=way.events[self._happened :],
            assumptions=self._assumptions.added,
            finders=self._finders.added,
            classes=[*self._overlays.added],
        )
        return [made]

    def _marks(self) -> dict[str, object]:
        """The attributes of the way that were set."""
        return {
            name: value
            for name, value in vars(self._way).items()
            if value is not self._attributes.get(name, getattr(Makings, name, ...))
        }
