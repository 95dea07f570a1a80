"""Steps that a piece of work may take: the same on each machine, under any load."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

__all__ = ["ENDPOINT_STEPS", "Budget", "OverBudget", "remembered"]

ENDPOINT_STEPS = 2_000_000
"""Steps for one endpoint: several times what each exploration may take, and the searches beside them."""
_Key: TypeAlias = tuple[Any, ...]
_P = ParamSpec("_P")
_R = TypeVar("_R")


class OverBudget(Exception):
    """A piece of work took more steps than it may take. Nothing is concluded from it then."""


@dataclass(slots=True)
class _Search:
    """A search that was made.

    Args:
        answer: What it gave.
        steps: The steps that it took, without those of the searches that it made.
        made: The keys of those.
        files: The files that it followed, likewise.
    """

    answer: Any = None
    steps: int = 0
    files: set[Any] = field(default_factory=set)
    made: list[_Key] = field(default_factory=list)


@dataclass(slots=True)
class Budget:
    """Counts the steps of the work under way, and keeps the answers of searches with their cost.

    A search that was made for another piece of work costs this one the same steps, once, and has followed
    the same files. Otherwise the endpoints that a process judged before would decide about those that it
    judges next.

    Args:
        most: Steps for one piece of work; None for as many as it needs.
        spent: Steps that were taken.
        files: Files that were followed, as modules.
    """

    most: int | None = None
    spent: int = 0
    files: set[Any] = field(default_factory=set)
    _known: dict[_Key, _Search] = field(default_factory=dict)
    _charged: set[_Key] = field(default_factory=set)
    _under_way: list[_Search] = field(default_factory=list)

    def begin(self, most: int | None) -> None:
        """Begin another piece of work."""
        self.most, self.spent = most, 0
        self.files = set()
        self._charged.clear()

    def forget(self, about: object = None) -> None:
        """Make each search anew: there are more files than when it was made.

        Args:
            about: Only the searches of this object, to free their memory. Those that need an answer again
                pay for it as before.
        """
        self._known = {
            key: search
            for key, search in self._known.items()
            if about is not None and key[1] is not about
        }

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            OverBudget: There were too many.
        """
        if self._under_way:
            self._under_way[-1].steps += steps
        self._count(steps)

    def follow(self, file: Any) -> None:
        """Note that the work under way rests on a file."""
        self.files.add(file)
        if self._under_way:
            self._under_way[-1].files.add(file)

    def answer(self, key: _Key, make: Callable[[], Any]) -> Any:
        """The answer of a search: made, or known."""
        self.spend(1)
        if self._under_way:
            self._under_way[-1].made.append(key)
        known = self._known.get(key)
        if known is not None:
            self._charge(key)
            return known.answer
        self._charged.add(key)
        search = _Search()
        self._under_way.append(search)
        try:
            search.answer = make()
        finally:
            self._under_way.pop()
        self._known[key] = search
        return search.answer

    def _charge(self, key: _Key) -> None:
        pending = [key]
        while pending:
            one = pending.pop()
            search = self._known.get(one)
            if one not in self._charged and search is not None:
                self._charged.add(one)
                self.files |= search.files
                self._count(search.steps)
                pending += search.made

    def _count(self, steps: int) -> None:
        self.spent += steps
        if self.most is not None and self.spent > self.most:
            raise OverBudget


class _Counted(Protocol):
    """An object with counted searches: the project, or one that has it."""

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
        found: _R = counted.budget.answer(
            (function, counted, args, *kwargs.items()), lambda: function(counted, *args, **kwargs)
        )
        return found

    return search
