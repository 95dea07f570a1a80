"""Everything that some objects hold, to tell afterwards whether anything of it was changed."""

import ast
import gc
from collections.abc import Iterable
from types import FunctionType

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["Heap"]

_OF_ALL = (ast.AST, ClassInfo, Event, FunctionType, Hierarchy, Module, Project, type)
"""Types of objects that no way changes: all ways share them."""


class Heap:
    """Objects reachable from some roots, each with its references.

    Args:
        roots: Where to begin.
        without: What is not looked into.
    """

    def __init__(self, roots: Iterable[object], without: Iterable[object] = ()) -> None:
        # INVARIANT: an object that is held here lives, so that no other gets its id.
        self._held: dict[int, tuple[object, list[int]]] = {id(one): (one, []) for one in without}
        self._left_out = len(self._held)
        pending = [*roots]
        while pending:
            one = pending.pop()
            if id(one) not in self._held and not isinstance(one, _OF_ALL):
                inner = _inside(one)
                self._held[id(one)] = one, [*map(id, inner)]
                pending += inner

    def __contains__(self, one: object) -> bool:
        return id(one) in self._held

    def is_unchanged(self) -> bool:
        """Return True if each object still has the same references."""
        return all(
            [*map(id, _inside(one))] == inner
            for one, inner in [*self._held.values()][self._left_out :]
        )


def _inside(one: object) -> list[object]:
    # For a dictionary with texts as keys, only the values are returned.
    return [*one, *one.values()] if isinstance(one, dict) else gc.get_referents(one)
