"""What a metaclass does is found once for the ways that come to the class alike."""

from collections.abc import Callable

import pytest

from audit_tests.auditor.sources import Make, door
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.heap import Heap
from stormdoor_audit.auditor.interpreter.makings import Makings
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Environment,
    Mapping,
    Sequence,
    Unknown,
)

__all__ = ["door"]

PROGRAM = """
class Meta(type):
    def __init__(cls, name, bases, body):
        {}
class Users(metaclass=Meta):
    def find(self, name):
        return name
class Door(WebSocketHandler):
    def open(self):
        Users.find(self, 'a')
        if self.get_argument('a'):
            room.first(self)
        if self.get_argument('b'):
            room.second(self)
    def on_message(self, message):
        self.write_message(message)
"""

LEAVES = {
    "a call": ("print(name)", True),
    "a choice": ("if options.third: print(name)", True),
    "something in the class": ("cls.find = lambda self, name: None", False),
    "something in the program": ("global MADE; MADE = cls", False),
}
"""What a metaclass does, and whether it is as well not done again."""


@pytest.mark.parametrize("case", LEAVES)
def test_a_making_is_left_as_it_was_or_made_again(
    door: Make, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The ways are the same, and where nothing else is left of it the metaclass runs less often."""
    does, is_kept = LEAVES[case]
    make, runs = Makings.make, [0, 0]

    def keeping(way: Makings, info: ClassInfo, by_metaclass: Callable[[], None]) -> None:
        def counted() -> None:
            runs[0] += 1
            by_metaclass()

        make(way, info, counted)

    def making(way: Makings, info: ClassInfo, by_metaclass: Callable[[], None]) -> None:
        runs[1] += 1
        by_metaclass()

    found = []
    for one in (keeping, making):
        monkeypatch.setattr(Makings, "make", one)
        ways = door(PROGRAM.format(does)).anonymous
        found.append(
            (
                ways.steps,
                [(event.kind, event.stage, event.text) for event in ways.events],
                [(path.outcome, sorted(path.assumptions)) for path in ways.paths],
            )
        )

    assert found[0] == found[1]
    assert (0 < runs[0] < runs[1]) if is_kept else (runs[0] == runs[1] > 1)


def changed_name(env: Environment) -> None:
    """Bind another value to a name."""
    env.names["a"] = Const(1)


def renamed(env: Environment) -> None:
    """Bind the same value to another name."""
    env.names["b"] = env.names.pop("a")


def labelled(env: Environment) -> None:
    """Say something else of a value that is deep inside."""
    held = env.names["a"]
    assert isinstance(held, Sequence)
    inner = held.items[0]
    assert isinstance(inner, Mapping)
    inner.items["b"].labels = frozenset({"client"})


def added(env: Environment) -> None:
    """Put something into a list."""
    held = env.names["a"]
    assert isinstance(held, Sequence)
    held.items.append(Const(1))


@pytest.mark.parametrize("change", [changed_name, renamed, labelled, added])
def test_a_change_of_what_is_held_is_seen(change: Callable[[Environment], None]) -> None:
    """A change at any depth and in any kind of object is seen."""
    env = Environment({"a": Sequence([Mapping({"b": Unknown()})])})
    heap = Heap([Environment(outer=env)])

    assert heap.is_unchanged()
    assert env.names["a"] in heap
    change(env)

    assert not heap.is_unchanged()


def test_what_is_left_out_may_change() -> None:
    """Nor is looked for what it holds."""
    env = Environment({"a": Sequence([])})
    heap = Heap([env], without=[env.names])
    changed_name(env)

    assert heap.is_unchanged()
    assert env.names["a"] not in heap
