"""Property states, abstract stores, and the map from the first to the second."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stormdoor_audit.analyzer.engine.values import ABSENT, Value, join

__all__ = ["Flow", "PropertyState", "States", "Store", "add"]


class PropertyState(NamedTuple):
    """The part of a state that is never joined.

    Args:
        stage: `before` the 101, `open` or `message`.
        asked: Whether a condition has taken the negative answer of a check.
        connection: `open`, `closed` or `finished`.
        facts: Decided comparisons of parts of a message: the kind of the message.
    """

    stage: str = "before"
    asked: bool = False
    connection: str = "open"
    facts: frozenset[tuple[str, Hashable, bool]] = frozenset()


_MOST_NEW = 48
"""Changed holders that a store has beside its shared base."""

Content = Mapping[Hashable, Value]
"""The cells of one holder by key; never changed in place."""
_NOTHING: Content = {}


class Store:
    """Registers, variables and heap of one state.

    Copies share their content until one is written.

    Args:
        values: Registers and variables.
        base: Holders of the heap, which are never changed here.
        new: Holders that were written since.
        owns: Whether `new` is not shared.
        owns_values: Whether `values` is not shared.
    """

    __slots__ = ("base", "new", "owns", "owns_values", "values")

    def __init__(self, values: dict[str | int, Value] | None = None) -> None:
        self.values: dict[str | int, Value] = {} if values is None else values
        self.owns_values = True
        self.base: dict[object, Content] = {}
        self.new: dict[object, Content] = {}
        self.owns = True

    def fork(self) -> "Store":
        """Return a copy."""
        self.owns_values = False
        made = self.with_values(self.values)
        made.owns_values = False
        return made

    def with_values(self, values: dict[str | int, Value]) -> "Store":
        """Return a copy with other registers and variables."""
        self.owns = False
        made = Store(values)
        made.base, made.new, made.owns = self.base, self.new, False
        return made

    def set(self, name: str | int, value: Value) -> None:
        """Assign a register or variable."""
        if not self.owns_values:
            self.values = dict(self.values)
            self.owns_values = True
        self.values[name] = value

    def get(self, name: str | int) -> Value:
        """Return a register or variable; nothing if it has no value."""
        return self.values.get(name, frozenset())

    def content(self, holder: object) -> Content:
        """Return the cells of a holder."""
        found = self.new.get(holder)
        return self.base.get(holder, _NOTHING) if found is None else found

    def holders(self) -> list[object]:
        """Return all holders."""
        return list({**self.base, **self.new})

    def _replace(self, holder: object, content: Content) -> None:
        if not self.owns:
            if len(self.new) >= _MOST_NEW:
                self.base, self.new = {**self.base, **self.new}, {}
            else:
                self.new = dict(self.new)
            self.owns = True
        self.new[holder] = content

    def put(self, holder: object, key: Hashable, value: Value) -> None:
        """Write a cell."""
        self._replace(holder, {**self.content(holder), key: value})

    def forget(self, holder: object) -> None:
        """Remove all cells of a holder."""
        self._replace(holder, _NOTHING)

    def read(self, holder: object, key: Hashable) -> Value:
        """Return a cell; nothing if it was never written."""
        return self.content(holder).get(key, frozenset())

    def joined(self, other: "Store") -> "Store":
        """Return the join of two stores."""
        values = self.values
        if values is not other.values:
            values = dict(values)
            for name, value in other.values.items():
                mine = values.get(name)
                values[name] = value if mine is None or mine == value else join(mine, value)
        made = self.with_values(values)
        made.owns_values = values is not self.values
        if self.base is other.base:
            changed = {**self.new, **other.new}
        else:
            changed = {**self.base, **self.new, **other.base, **other.new}
        for holder in changed:
            mine_, theirs = self.content(holder), other.content(holder)
            if mine_ is not theirs and mine_ != theirs:
                made._replace(holder, _joined(mine_, theirs))
        return made

    def same(self, other: "Store") -> bool:
        """Return True if two stores are equal."""
        if self.values != other.values:
            return False
        if self.base is other.base:
            changed = {**self.new, **other.new}
        else:
            changed = {**self.base, **self.new, **other.base, **other.new}
        return all(self.content(one) == other.content(one) for one in changed)


def _joined(one: Content, other: Content) -> Content:
    """Return the join of the cells of a holder; a cell of one side is perhaps absent."""
    if not one or not other:
        return one or other
    result = dict(one)
    for key, value in other.items():
        mine = one.get(key)
        result[key] = join(value, ABSENT) if mine is None else join(mine, value)
    for key in one.keys() - other.keys():
        result[key] = join(one[key], ABSENT)
    return result


States = dict[PropertyState, Store]


def add(states: States, at: PropertyState, store: Store) -> None:
    """Join a store into the one with the same property state."""
    known = states.get(at)
    states[at] = store if known is None else known.joined(store)


@dataclass(slots=True)
class Flow:
    """Exits of a block beside its end."""

    returns: States = field(default_factory=dict)
    raises: States = field(default_factory=dict)
    breaks: States = field(default_factory=dict)
    continues: States = field(default_factory=dict)
