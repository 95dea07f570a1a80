"""A class decorated with `value` behaves as the frozen dataclass."""

import copy
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest
from msgspec import Struct

from stormdoor.core.value import value


@value
@dataclass(frozen=True, slots=True)
class Point:
    """Two numbers and what is known of them."""

    x: int
    y: int = 0
    facts: Mapping[str, object] = field(default_factory=dict, hash=False)
    secret: str = field(default="", repr=False)
    source: object = field(default=None, compare=False)

    @property
    def sum(self) -> int:
        """Return the sum of both fields."""
        return self.x + self.y


@value
@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A value with fields that are passed by name only."""

    first: str = ""
    last: str


def test_it_is_made_as_a_struct_and_keeps_its_name_and_words() -> None:
    """A value class is a struct, and keeps its name, module, docstring and methods."""
    assert issubclass(Point, Struct)
    assert (Point.__name__, Point.__module__) == ("Point", __name__)
    assert Point.__doc__ == "Two numbers and what is known of them."
    assert Point(1, 2).sum == 3


def test_defaults_are_those_of_the_dataclass() -> None:
    """Defaults, also those from a factory, equal those of the dataclass."""
    one, other = Point(1), Point(1)
    assert (one.y, one.facts, one.secret, one.source) == (0, {}, "", None)
    assert one.facts is not other.facts
    assert Named(last="b").first == ""


@pytest.mark.parametrize(
    "make",
    [Point, lambda: Point(1, z=2), lambda: Named("a"), Named],  # type: ignore[call-arg]
    ids=["missing", "unknown", "by position", "missing by name"],
)
def test_what_a_dataclass_does_not_take_is_not_taken(make: type) -> None:
    """Fields are required, known, and by name where that was asked for."""
    with pytest.raises(TypeError):
        make()


def test_nothing_of_it_can_be_changed() -> None:
    """Fields can be neither set, deleted nor added."""
    point = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.z = 2  # type: ignore[attr-defined]


def test_a_field_that_is_not_to_be_shown_is_in_no_text() -> None:
    """A field with `repr=False` is neither in the `repr` nor in the output of rich."""
    point = Point(1, secret="hunter2")
    assert repr(point) == "Point(x=1, y=0, facts={}, source=None)"
    told = point.__rich_repr__()  # type: ignore[attr-defined]
    assert [name for name, _ in told] == ["x", "y", "facts", "source"]


def test_it_is_compared_and_hashed_as_the_dataclass_says() -> None:
    """`compare=False` and `hash=False` count."""
    one, other = Point(1, facts={"a": 1}, source="here"), Point(1, facts={"a": 1}, source="there")
    assert one == other
    assert hash(one) == hash(other) == hash(Point(1))
    assert one != Point(1)
    assert one != (1, 0, {"a": 1}, "")  # type: ignore[comparison-overlap]


def test_what_works_with_dataclasses_works_with_it() -> None:
    """`replace`, `fields`, `asdict`, copies and patterns."""
    point = Point(1, 2, {"a": 1})
    assert replace(point, y=5) == Point(1, 5, {"a": 1})
    assert [one.name for one in fields(point)] == ["x", "y", "facts", "secret", "source"]
    assert asdict(point)["facts"] == {"a": 1}
    assert copy.deepcopy(point) == point
    match point:
        case Point(1, y):
            assert y == 2
        case _:
            pytest.fail("no match")
