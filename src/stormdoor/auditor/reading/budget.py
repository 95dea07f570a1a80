"""Steps that a piece of work may take: the same on each machine, whatever else that machine does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

__all__ = ["ENDPOINT_STEPS", "Budget", "OverBudget", "remembered"]

ENDPOINT_STEPS = 2_000_000
"""Steps for one endpoint: several times what each exploration may take, and the searches beside them."""
_P = ParamSpec("_P")
_R = TypeVar("_R")


class OverBudget(Exception):
    """A piece of work took more steps than it may take. Nothing is concluded from it then."""


@dataclass(slots=True)
class Budget:
    """Counts the steps of the work under way, and keeps the answers of searches with their cost.

    A search that was made before costs the same steps again. Otherwise the endpoints that one process
    judged before would decide about those that it judges next.

    Args:
        most: Steps for one piece of work; None for as many as it needs.
        spent: Steps that were taken.
    """

    most: int | None = None
    spent: int = 0
    known: dict[tuple[Any, ...], tuple[Any, int]] = field(default_factory=dict)

    def begin(self, most: int | None) -> None:
        """Begin another piece of work."""
        self.most, self.spent = most, 0

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            OverBudget: There were too many.
        """
        self.spent += steps
        if self.most is not None and self.spent > self.most:
            raise OverBudget


class _Counted(Protocol):
    """An object whose searches are counted: the project, or what has one."""

    @property
    def budget(self) -> Budget:
        """The steps of the work under way."""
        ...


_C = TypeVar("_C", bound=_Counted)


def remembered(function: Callable[Concatenate[_C, _P], _R]) -> Callable[Concatenate[_C, _P], _R]:
    """Keep the answers of a search, each with the steps that it took, which are counted each time.

    Args:
        function: A search. Its arguments can be hashed, and are held for as long as the project is.
    """

    @wraps(function)
    def search(counted: _C, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        budget = counted.budget
        key = (function, counted, args, *kwargs.items())
        found: tuple[_R, int] | None = budget.known.get(key)
        if found is not None:
            budget.spend(found[1] + 1)
            return found[0]
        before = budget.spent
        answer = function(counted, *args, **kwargs)
        budget.known[key] = answer, budget.spent - before
        budget.spend(1)
        return answer

    return search
