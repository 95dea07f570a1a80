"""The lines of settings in a file."""

import pytest

from stormdoor.settings.place import Place, find_line, lines_of, parse_place, show_place

TEXT = '''\
store = "memory:"          # 1
note = """
origins = ["not an option"]
"""
origins = [                # 5
  "https://a.example",
]
[limits]
message_bytes = 1
"quoted key" = 2           # 10
[[policies.role]]
name = "a"
[[policies.role]]
name = "b"
[policies.role.extra]      # 15
deep = 1
[[ policies . permit ]]
when = "x"
a.b.c = 3
'''

LINES: dict[Place, int] = {
    ("store",): 1,
    ("note",): 2,
    ("origins",): 5,
    ("limits",): 8,
    ("limits", "message_bytes"): 9,
    ("limits", "quoted key"): 10,
    ("policies", "role", 0): 11,
    ("policies", "role", 0, "name"): 12,
    ("policies", "role", 1): 13,
    ("policies", "role", 1, "name"): 14,
    ("policies", "role", 1, "extra"): 15,
    ("policies", "role", 1, "extra", "deep"): 16,
    ("policies", "permit", 0): 17,
    ("policies", "permit", 0, "when"): 18,
    ("policies", "permit", 0, "a", "b", "c"): 19,
}


@pytest.mark.parametrize("place", LINES, ids=show_place)
def test_line_of_each_thing(place: Place) -> None:
    """Tables, lists of tables and options have their line, also after a text of several lines."""
    assert find_line(lines_of(TEXT), place) == LINES[place]


def test_line_of_what_is_inside() -> None:
    """A value without a line of its own has the line of its table."""
    assert find_line(lines_of(TEXT), ("origins", 0)) == 5


def test_no_line() -> None:
    """The file as a whole, and what is not in it, has no line."""
    assert find_line(lines_of(TEXT), ()) is None
    assert find_line(lines_of(TEXT), ("nothing", 3)) is None


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ((), ""),
        (("store",), "store"),
        (("policies", "permit", 2, "when"), "policies.permit[2].when"),
        (("a", 0, 1), "a[0][1]"),
    ],
)
def test_shown_place_can_be_read_back(place: Place, shown: str) -> None:
    """A place is shown as msgspec shows it, and read from there."""
    assert show_place(place) == shown
    assert parse_place(f".{shown}" if shown else "") == place
