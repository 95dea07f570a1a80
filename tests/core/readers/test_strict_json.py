"""JSON that every parser reads alike, and the type at a place in it."""

import json

import pytest

from stormdoor.core.readers.reader import Unreadable
from stormdoor.core.readers.strict_json import parse, parse_pointer, type_at


@pytest.mark.parametrize(
    "text",
    ['{"a":[1,2.5,null,true,"x"]}', ' \n"x" ', "[]", "-0", '{"\\u0061":"\\ud83d\\ude00"}', "1e999"],
)
def test_what_python_reads(text: str) -> None:
    """The value is that of Python's `json`, from a text and from UTF-8."""
    assert parse(text) == json.loads(text)
    assert parse(text.encode()) == json.loads(text.encode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"type":"a","type":"b"}', "json takes the last one, other parsers the first"),
        ('{"type":"a","\\u0074ype":"b"}', "the same name with an escape"),
        ('[{"x":{"a":1,"a":1}}]', "two names, deep inside"),
        ("NaN", "no JSON, but Python reads it"),
        ('{"a":-Infinity}', "the same"),
        ('\ufeff"a"', "a byte order mark"),
        ('"a" "b"', "two values"),
        ("{'a':1}", "single quotes"),
        ('{"a":1,}', "a comma too many"),
        ('"\x01"', "a control character"),
        ("", "nothing"),
        ("[" * 200_000 + "]" * 200_000, "deeper than a stack"),
        ("9" * 5_000, "an integer that needs quadratic time"),
    ],
)
def test_ambiguous_or_malformed(text: str, why: str) -> None:
    """Unreadable, and nothing else is raised."""
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"a"}'.encode("utf-16"),
        '{"type":"a"}'.encode("utf-16-le"),
        '{"type":"a"}'.encode("utf-32-be"),
        b'\xef\xbb\xbf{"type":"a"}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
    ],
)
def test_other_encodings(data: bytes) -> None:
    """`json.loads(bytes)` would detect them; only plain UTF-8 is read."""
    with pytest.raises(Unreadable):
        parse(data)


@pytest.mark.parametrize(
    ("pointer", "document", "expected"),
    [
        ("/type", '{"type":"a"}', "a"),
        ("/header/msg_type", '{"header":{"msg_type":"a"}}', "a"),
        ("/0", '["a",{}]', "a"),
        ("/1/x~1y~0z", '[0,{"x/y~z":5}]', "5"),
        ("/", '{"":"a"}', "a"),
        ("/0", '{"0":"a"}', "a"),
        ("/0", "[-3]", "-3"),
    ],
)
def test_types(pointer: str, document: str, expected: str) -> None:
    """A JSON pointer finds a name of an object or an element of an array; an integer is a type too."""
    assert type_at(parse(document), parse_pointer(pointer)) == expected


@pytest.mark.parametrize(
    ("pointer", "document"),
    [
        ("/type", '{"Type":"a"}'),
        ("/type", '["type"]'),
        ("/type", '"type"'),
        ("/type", '{"type":["a"]}'),
        ("/type", '{"type":true}'),
        ("/type", '{"type":1.0}'),
        ("/type", '{"type":null}'),
        ("/type", '{"type":9223372036854775808}'),
        ("/1", '["a"]'),
        ("/-1", '["a"]'),
        ("/01", '["a","b"]'),
        ("/²", '["a","b","c"]'),
        ("/9999999999", '["a"]'),
        ("/a/b", '{"a":"b"}'),
        # Parsers of Go and .NET match names without case, and the last one counts.
        ("/type", '{"type":"a","Type":"b"}'),
        ("/header/msg_type", '{"header":{"msg_type":"a","m\u017fg_type":"b"}}'),
        ("/header/kind", '{"header":{"kind":"a"},"HEADER":{"kind":"b"}}'),
        ("/kind", '{"kind":"a","\u212aind":"b"}'),
    ],
)
def test_no_type(pointer: str, document: str) -> None:
    """Everything else is unreadable."""
    with pytest.raises(Unreadable):
        type_at(parse(document), parse_pointer(pointer))


@pytest.mark.parametrize("pointer", ["", "type", "#/type"])
def test_no_pointer(pointer: str) -> None:
    """The place begins with a slash."""
    with pytest.raises(ValueError, match="not a JSON pointer"):
        parse_pointer(pointer)
