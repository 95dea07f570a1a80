"""Search of the states of a model: all of them, or random walks with a seed."""

from __future__ import annotations

import random
import re
from collections import deque
from dataclasses import dataclass

from tests.chaos.model import Rules, State, steps, violation

_SELDOM = re.compile("promoted|restarts|loses|declares|suspended")

__all__ = ["Found", "follow", "search", "walk"]


@dataclass(frozen=True)
class Found:
    """The result of a search: the number of states, the broken guarantee and the steps that led to it."""

    states: int
    broken: str | None = None
    trace: tuple[str, ...] = ()


def search(first: State, rules: Rules, *, most: int) -> Found:
    """Visit every reachable state, breadth first: the trace of a violation has the fewest steps.

    Raises:
        OverflowError: There are more than `most` states.
    """
    came: dict[State, tuple[State, str] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        for name, after in steps(state, rules):
            if after in came:
                continue
            came[after] = state, name
            if broken := violation(after, rules):
                return Found(len(came), broken, _trace(came, after))
            waiting.append(after)
        if len(came) > most:
            raise OverflowError(f"more than {most} states")
    return Found(len(came))


def _trace(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    names: list[str] = []
    while (before := came[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))


def walk(first: State, rules: Rules, *, seed: int, walks: int, length: int) -> Found:
    """Take random steps, seldom those that undo the work of others. The same seed takes the same steps."""
    chance, visited = random.Random(seed), 0
    for _ in range(walks):
        state, names = first, []
        for _ in range(length):
            possible = list(steps(state, rules))
            weights = [1 if _SELDOM.search(name) else 8 for name, _ in possible]
            ((name, state),) = chance.choices(possible, weights)
            names.append(name)
            visited += 1
            if broken := violation(state, rules):
                return Found(visited, broken, tuple(names))
    return Found(visited)


def follow(state: State, rules: Rules, *names: str) -> State:
    """Take the named steps, and return the state after them.

    Raises:
        KeyError: A step is not possible.
    """
    for name in names:
        state = dict(steps(state, rules))[name]
    return state
