"""The lines of settings in a file."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.settings.place import (
    Place,
    find_line,
    lines_of,
    parse_place,
    show_place,
)

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
def test_line_of_tables_and_options(place: Place) -> None:
    """Tables, lists of tables and options have their line, also after a text of several lines."""
    assert find_line(lines_of(TEXT), place) == LINES[place]


NESTED = "\n".join(  # noqa: FLY002 - the quotes inside stay readable
    [
        '"a # b" = "it # is"',
        'two = """',
        'x = 1 \\""" ["no list",',
        '"""""',
        "keys = [",
        '  { algorithm = "HS256", kid = "}]" },   # not [1]',
        "  # nothing",
        '  { algorithm = "EdDSA", "kid".long = [1.5, [2,',
        "      1979-05-27 07:32:00",
        "  ]] },",
        "]",
        'one = [ "a", "b" ]',
        '[t."x.y".z]',
        "'w' = '''",
        "[t.no]",
        "'''",
        "last = +1e5",
    ]
)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("a # b",), 1),
        (("two",), 2),
        (("keys",), 5),
        (("keys", 0), 6),
        (("keys", 0, "kid"), 6),
        (("keys", 1), 8),
        (("keys", 1, "algorithm"), 8),
        (("keys", 1, "kid", "long"), 8),
        (("keys", 1, "kid", "long", 1), 8),
        (("keys", 1, "kid", "long", 1, 1), 9),
        (("one", 1), 12),
        (("t", "x.y", "z"), 13),
        (("t", "x.y", "z", "w"), 14),
        (("t", "x.y", "z", "last"), 17),
        (("t", "no"), None),
        (("x",), None),
    ],
)
def test_line_of_what_is_inside(place: Place, line: int | None) -> None:
    """Elements of lists and of inline tables have lines; texts and comments have none."""
    tomllib.loads(NESTED)
    assert lines_of(NESTED).get(place) == line


@given(st.text(alphabet="ab=.,[]{}#\"'\\\n 1", max_size=60))
def test_any_text_ends(text: str) -> None:
    """The scan of a text that is no TOML ends, and every line is one of the text."""
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


@given(st.text(alphabet='ab=.[]{}"\n 1', max_size=40))
def test_every_place_of_toml_has_a_line(text: str) -> None:
    """Each value that `tomllib` returns is found at a line of the text."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = lines_of(text)
    for place in _places(data, ()):
        assert find_line(lines, place) is not None


def _places(data: object, place: Place) -> Iterator[Place]:
    match data:
        case dict():
            for name, inner in data.items():
                yield from _places(inner, (*place, name))
        case list():
            for position, inner in enumerate(data):
                yield from _places(inner, (*place, position))
        case _:
            yield place


def test_absent_places_have_no_line() -> None:
    """The file as a whole, and a name that is not in it, have no line."""
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
