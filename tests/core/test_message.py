"""A message is one of the declared commands, or it is refused; and reading it costs little."""

import json
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import pytest
from msgspec import UNSET

from stormdoor.core.message import (
    Command,
    Count,
    ErrorReply,
    Identifier,
    Line,
    Number,
    Reply,
    Text,
    Url,
    decode_detail,
    decoder,
    encode,
    encode_error,
    encode_reply,
    read_id,
    too_deep,
)
from tests.support.effort import costs_less


class Say(Command, tag="say"):
    """A member speaks in a room."""

    room: Identifier
    text: Text


class Kick(Command, tag="kick"):
    """Command of a moderator that removes a principal from a room."""

    room: Identifier
    principal: Identifier


class Send(Command, tag="send", tag_field="action"):
    """The same idea in an application that calls its tag field `action`."""

    room: Identifier


class Said(Reply, tag="said"):
    """The answer to `Say`."""

    room: str


DECODE = decoder([Say, Kick]).decode
DECODE_ONE = decoder([Say]).decode
DECODE_ACTION = decoder([Send]).decode


def test_a_command_is_read() -> None:
    """A declared command arrives as its type, with its fields and its id."""
    raw = '{"type":"say","room":"lobby","text":"hello","id":7}'
    assert DECODE(raw) == Say(room="lobby", text="hello", id=7)


def test_a_command_needs_no_id() -> None:
    """The id is the client's choice."""
    assert DECODE('{"type":"kick","room":"lobby","principal":"eve"}').id is UNSET


def test_the_tag_field_can_be_renamed() -> None:
    """An application may call the tag field as it likes."""
    assert DECODE_ACTION('{"action":"send","room":"lobby"}') == Send(room="lobby")


INVALID = [
    pytest.param("", id="empty"),
    pytest.param(" ", id="blank"),
    pytest.param("null", id="null"),
    pytest.param("say", id="word"),
    pytest.param('"say"', id="text"),
    pytest.param("5", id="number"),
    pytest.param("[]", id="list"),
    pytest.param('["say","lobby","hello"]', id="list-of-values"),
    pytest.param('[{"type":"say","room":"lobby","text":"x"}]', id="batch"),
    pytest.param("{}", id="empty-object"),
    pytest.param('{"room":"lobby","text":"x"}', id="no-type"),
    pytest.param('{"type":null,"room":"lobby","text":"x"}', id="null-type"),
    pytest.param('{"type":5,"room":"lobby","text":"x"}', id="number-as-type"),
    pytest.param('{"type":["say"],"room":"lobby","text":"x"}', id="list-as-type"),
    pytest.param('{"type":"Say","room":"lobby","text":"x"}', id="type-in-capitals"),
    pytest.param('{"type":"say ","room":"lobby","text":"x"}', id="type-and-space"),
    pytest.param('{"type":"wipe","room":"lobby","text":"x"}', id="unknown-type"),
    pytest.param('{"type":"","room":"lobby","text":"x"}', id="empty-type"),
    pytest.param('{"type":"__class__","room":"lobby","text":"x"}', id="dunder-type"),
    pytest.param('{"Type":"say","room":"lobby","text":"x"}', id="key-in-capitals"),
    pytest.param('{"type":"say","room":"lobby"}', id="missing-field"),
    pytest.param('{"type":"say","room":"lobby","text":"x","admin":true}', id="unknown-field"),
    pytest.param('{"type":"say","room":"lobby","text":"x","__class__":"x"}', id="dunder-field"),
    pytest.param('{"type":"say","room":"lobby","text":"x","principal":"ada"}', id="other-field"),
    pytest.param('{"type":"say","room":"lobby","text":5}', id="number-as-text"),
    pytest.param('{"type":"say","room":"lobby","text":null}', id="null-as-text"),
    pytest.param('{"type":"say","room":"lobby","text":["x"]}', id="list-as-text"),
    pytest.param('{"type":"say","room":{"$ne":""},"text":"x"}', id="operator-as-text"),
    pytest.param('{"type":"say","room":"lobby","text":"x"}{"type":"say"}', id="two-messages"),
    pytest.param('{"type":"say","room":"lobby","text":"x"} x', id="text-after-it"),
    pytest.param('{"type":"say","room":"lobby","text":"x",}', id="trailing-comma"),
    pytest.param("{'type':'say','room':'lobby','text':'x'}", id="single-quotes"),
    pytest.param('{type:"say",room:"lobby",text:"x"}', id="bare-keys"),
    pytest.param('{"type":"say","room":"lobby","text":"x"', id="cut"),
    pytest.param('{"type":"say","room":"lobby","text":"x"} // c', id="comment"),
    pytest.param('\ufeff{"type":"say","room":"lobby","text":"x"}', id="byte-order-mark"),
    pytest.param('{"type":"say","room":"lobby","text":"\n"}', id="raw-newline"),
    pytest.param('{"type":"say","room":"lobby","text":"\\ud800"}', id="half-a-surrogate-pair"),
    pytest.param('{"type":"say","room":"lobby","text":"\\x41"}', id="odd-escape"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":-1}', id="negative-id"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":1.5}', id="broken-id"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":true}', id="true-as-id"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":null}', id="null-as-id"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":{"a":1}}', id="object-as-id"),
    pytest.param('{"type":"say","room":"lobby","text":"x","id":9007199254740993}', id="huge-id"),
    pytest.param(f'{{"type":"say","room":"lobby","text":"x","id":"{"i" * 65}"}}', id="long-id"),
    pytest.param('{"type":"say","room":"NaN","text":NaN}', id="nan"),
    # the member that makes one command a union
    pytest.param('{"type":"\\u0000"}', id="nothing"),
    pytest.param('{"type":"\\u0000","never":""}', id="nothing-and-empty"),
    pytest.param('{"type":"\\u0000","never":"x"}', id="nothing-and-text"),
    pytest.param('{"type":"\\u0000","never":null}', id="nothing-and-null"),
]


@pytest.mark.parametrize("raw", INVALID)
@pytest.mark.parametrize("decode", [DECODE, DECODE_ONE], ids=["two-commands", "one-command"])
def test_what_is_no_command_is_refused(decode: Any, raw: str) -> None:
    """A message that is no declared command with exactly its fields is refused."""
    with pytest.raises(msgspec.DecodeError):
        decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        '{"action":"\\u0000"}',
        '{"action":"\\u0000","never":""}',
        '{"room":"lobby"}',
        '{"type":"send","room":"lobby"}',
        '{"action":"send","room":"lobby","type":"send"}',
    ],
)
def test_a_renamed_tag_is_required_too(raw: str) -> None:
    """With another name of the tag field, a message without this field or with an unknown tag is refused."""
    with pytest.raises(msgspec.DecodeError):
        DECODE_ACTION(raw)


def test_half_a_surrogate_pair_is_refused() -> None:
    """A text that is no Unicode is an error of the message, not of the server."""
    with pytest.raises((msgspec.DecodeError, UnicodeError)):
        DECODE('{"type":"say","room":"lobby","text":"\ud800"}')


def test_a_command_cannot_be_changed() -> None:
    """A handler gets the command that was checked, because a command is frozen."""
    command = Say(room="lobby", text="x")
    with pytest.raises(AttributeError):
        command.room = "vault"  # type: ignore[misc]


def test_commands_of_two_tag_fields_are_refused() -> None:
    """A union that cannot tell its members apart is a mistake of the application."""
    with pytest.raises(TypeError):
        decoder([Say, Send])


def test_commands_of_one_tag_are_refused() -> None:
    """Two commands of one name are a mistake of the application."""

    class Speak(Command, tag="say"):
        room: str

    with pytest.raises(TypeError):
        decoder([Say, Speak])


# Fields -----------------------------------------------------------------------------------------


def _tags(text: str) -> str:
    """Tag characters that spell `text`, ended by U+E007F."""
    return "".join(chr(0xE0000 + ord(letter)) for letter in f"{text}\x7f")


FLAGS = {
    name: "🏴" + _tags(code)
    for name, code in {"England": "gbeng", "Scotland": "gbsct", "Wales": "gbwls"}.items()
}

GOOD: list[tuple[Any, Any]] = [
    (Identifier, "a"),
    (Identifier, "Room_1.b-c"),
    (Identifier, "0"),
    (Identifier, "x" * 64),
    (Line, ""),
    (Line, "a line, with ünïcode and 😀"),
    (Line, "x" * 1000),
    (Line, "می\u200cخواهم"),  # noqa: RUF001 - Persian, with a zero width non-joiner
    (Line, "\u200eשלום\u200f (abc)\u200e"),  # noqa: RUF001 - Hebrew, with marks of direction
    (Line, "👩\u200d👩\u200d👧, ☀\ufe0f, 🏴\u200d☠\ufe0f"),  # emoji, with joiners
    *((kind, f"a {flag}{flag} {flag}") for kind in (Line, Text) for flag in FLAGS.values()),
    (Line, "🏴 b"),
    (Text, "two\nlines\twith a tab\r\n"),
    (Text, "x" * 10_000),
    (Count, 0),
    (Count, 2**53 - 1),
    (Number, -1.5),
    (Number, 1e15),
    (Number, 3),
    (Url, "https://example.com"),
    (Url, "http://example.com:8080/a/b?c=d#e"),
    (Url, "https://192.0.2.1/"),
]

BAD: list[tuple[Any, Any]] = [
    (Identifier, ""),
    (Identifier, "a b"),
    (Identifier, "../etc"),
    (Identifier, ".hidden"),
    (Identifier, "-rf"),
    (Identifier, "a/b"),
    (Identifier, "a\n"),
    (Identifier, "\na"),
    (Identifier, "a\x00"),
    (Identifier, "a;b"),
    (Identifier, "a'b"),
    (Identifier, "<b>"),
    (Identifier, "é"),
    (Identifier, "\u0661"),
    (Identifier, "x" * 65),
    (Line, "a\nb"),
    (Line, "a\n"),
    (Line, "a\rb"),
    (Line, "a\tb"),
    (Line, "x" * 1001),
    (Count, -1),
    (Count, 1.5),
    (Count, 2**53),
    (Count, True),
    (Count, "5"),
    (Number, 1.1e15),
    (Number, -1.1e15),
    (Number, True),
    (Number, "1"),
    (Number, None),
    (Url, ""),
    (Url, "javascript:alert(1)"),
    (Url, "data:text/html,x"),
    (Url, "//example.com"),
    (Url, "/path"),
    (Url, "HTTPS://example.com"),
    (Url, "ftp://example.com"),
    (Url, "https://"),
    (Url, "https:///path"),
    (Url, "https://user@example.com"),
    (Url, "https://user:password@example.com"),
    (Url, "https://example.com\\@evil.example"),
    (Url, "https://example.com:port"),
    (Url, "https://example.com:999999"),
    (Url, "https://example.com/a b"),
    (Url, "https://example.com/\n"),
    (Url, "https://example.com\n"),
    (Url, " https://example.com"),
    (Url, "https://exämple.com"),
    (Url, "https://example.com/" + "x" * 2000),
    *(
        (kind, f"a{character}b")
        for kind in (Line, Text)
        for character in "\x00\x08\x0b\x0c\x0e\x1b\x1f\x7f\x80\x9b\x9f"
        "\u2028\u2029\u202a\u202e\u2066\u2069\ufeff"
        "\u200b\u2060\u2063\u061c\u180e\ufffb\U000e0001\U000e0020\U000e0061\U000e007f"
    ),
    *(
        (kind, text)
        for kind in (Line, Text)
        for text in (
            _tags("gbwls"),
            "🏴" + _tags("gbwls")[:-1],
            "🏴" + _tags("gb"),
            "🏴" + _tags("gbwlsgb"),
            "🏴" + _tags("gbWLS"),
            "🏴 " + _tags("gbwls"),
            "🏳" + _tags("gbwls"),
            FLAGS["Wales"] + _tags("gbwls"),
            FLAGS["Wales"] + "\U000e007f",
        )
    ),
]


@pytest.mark.parametrize(("kind", "value"), GOOD, ids=[ascii(v)[:30] for _, v in GOOD])
def test_a_good_value(kind: Any, value: Any) -> None:
    """A value within the bounds of its kind comes through as it is."""
    assert msgspec.json.decode(json.dumps(value), type=kind) == value


@pytest.mark.parametrize(("kind", "value"), BAD, ids=[ascii(v)[:30] for _, v in BAD])
def test_a_bad_value(kind: Any, value: Any) -> None:
    """A value out of the bounds of its kind is refused, and not cut or converted."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(value), type=kind)


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_is_finite(raw: str) -> None:
    """No spelling brings in what is not a number, or one without bound."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(raw, type=Number)


# Depth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "limit", "expected"),
    [
        ("", 1, False),
        ("{}", 1, False),
        ("{}", 0, True),
        ("[[]]", 1, True),
        ("[[]]", 2, False),
        ('{"a":{"b":{"c":[]}}}', 3, True),
        ('{"a":{"b":{"c":[]}}}', 4, False),
        ("[" + "[]," * 100 + "[]]", 2, False),
        ("[" + "{}," * 100 + "[[]]]", 2, True),
        ('{"text":"' + "[" * 100 + '"}', 2, False),
        ('{"text":"\\"' + "[" * 100 + '"}', 2, False),
        ('{"text":"\\\\","x":[[[' + "[" * 10 + "]]]}", 5, True),
        ('{"text":"\\\\\\"[[[[[[[[["}', 5, False),
        ('{"text":"a\\u0022","x":' + "[" * 10, 5, True),
        ('"' + "[" * 100, 5, False),  # an unfinished text: the decoder refuses it
        ("]]]]]" + "[" * 10, 5, False),  # a bracket too many: the decoder refuses it
        ("[" * 100, 5, True),
        ("[" * 6 + '"unfinished', 5, True),
        ("[" * 6 + '"unfinished\\', 5, True),
        ('{"ключ":' * 6 + "1", 5, True),
    ],
)
def test_too_deep(raw: str, limit: int, expected: bool) -> None:
    """Depth counts brackets outside texts, whether or not the rest is JSON."""
    assert too_deep(raw, limit) is expected


BRACKETS = "[" * 40
SLOW = [
    pytest.param(BRACKETS + '"' + '\\"' * 500_000, id="quotes-in-an-unfinished-text"),
    pytest.param(BRACKETS + '"' * 1_000_001, id="quotes"),
    pytest.param(BRACKETS + '"' + "\\" * 1_000_001, id="backslashes"),
    pytest.param(BRACKETS + '"a\\' * 300_000, id="unfinished-escapes"),
    pytest.param(BRACKETS + "a" * 1_000_000, id="letters"),
    pytest.param(BRACKETS + "\\" * 1_000_000, id="backslashes-outside"),
    pytest.param("[" * 1_000_000, id="open"),
    pytest.param("[]" * 500_000, id="open-and-shut"),
    pytest.param('{"":' * 300_000, id="objects"),
]


@pytest.mark.parametrize("raw", SLOW)
def test_measuring_depth_is_linear(raw: str) -> None:
    """A megabyte of the worst text is measured in the time of a megabyte."""
    assert costs_less(1.0, lambda: too_deep(raw, 16))


# Ids and replies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        ('{"id":7}', 7),
        ('{"id":0}', 0),
        ('{"id":"a-1"}', "a-1"),
        ('{"type":"wipe","admin":true,"id":"x"}', "x"),
        ('{"type":5,"id":"x"}', "x"),
        ('{"id":"a","id":"b"}', "b"),
        ("{}", UNSET),
        ('{"type":"say"}', UNSET),
        ('{"id":null}', UNSET),
        ('{"id":-1}', UNSET),
        ('{"id":1.5}', UNSET),
        ('{"id":true}', UNSET),
        ('{"id":[1]}', UNSET),
        ('{"id":{"id":1}}', UNSET),
        ('{"id":9007199254740993}', UNSET),
        (f'{{"id":"{"x" * 65}"}}', UNSET),
        ('{"id":"\\ud800"}', UNSET),
        ('{"id":"\ud800"}', UNSET),
        ('{"id":7', UNSET),
        ('{"id":7}}', UNSET),
        ("[7]", UNSET),
        ("7", UNSET),
        ("", UNSET),
        ("id", UNSET),
        ('{"x":' + "[" * 100_000, UNSET),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_read_id(raw: str, id: object) -> None:
    """The id of a refused message comes back if it is one, and nothing else ever does."""
    assert read_id(raw) == id


def test_read_id_of_a_deep_message() -> None:
    """The id comes back, or none: how deep a Python reads before RecursionError differs by release."""
    deep = '{"x":' + "[" * 100_000 + "]" * 100_000 + ',"id":7}'
    assert read_id(deep) in (UNSET, 7)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: encode_error("invalid"), {"type": "error", "error": "invalid"}),
        (lambda: encode_error("invalid", 0), {"type": "error", "error": "invalid", "id": 0}),
        (lambda: encode_error("invalid", ""), {"type": "error", "error": "invalid", "id": ""}),
        (
            lambda: encode_error("rate-limited", "a", retry_after=3),
            {"type": "error", "error": "rate-limited", "id": "a", "retry_after": 3},
        ),
        (lambda: encode_reply(Said(room="lobby"), 7), {"type": "said", "id": 7, "room": "lobby"}),
        (lambda: encode_reply(Said(room="lobby"), UNSET), {"type": "said", "room": "lobby"}),
        (
            lambda: encode_reply(Said(room="lobby", id=1), 7),
            {"type": "said", "id": 1, "room": "lobby"},
        ),
        (lambda: encode_reply({"a": 1}, 7), {"a": 1, "id": 7}),
        (lambda: encode_reply({"a": 1, "id": 2}, 7), {"a": 1, "id": 2}),
        (lambda: encode_reply({"a": 1}, UNSET), {"a": 1}),
        (lambda: encode_reply([1, 2], 7), [1, 2]),
        (
            lambda: encode_reply(ErrorReply(error="forbidden", detail="no"), "x"),
            {"type": "error", "id": "x", "error": "forbidden", "detail": "no"},
        ),
        (lambda: encode(Say(room="a", text="b")), {"type": "say", "room": "a", "text": "b"}),
    ],
)
def test_encoded_message(made: Callable[[], bytes], expected: object) -> None:
    """A reply carries the id of the command it answers, if that had one."""
    assert json.loads(made()) == expected


def test_a_reply_can_be_sent_to_others() -> None:
    """The id of one client is not left in a reply that another gets as well."""
    said = Said(room="lobby")
    encode_reply(said, 7)
    assert said.id is UNSET


def test_a_dictionary_is_left_as_it_was() -> None:
    """The id is put into a copy."""
    reply = {"a": 1}
    encode_reply(reply, 7)
    assert reply == {"a": 1}


def test_a_reply_that_cannot_be_encoded_keeps_no_id() -> None:
    """A failure to encode does not leave the id behind either."""
    said = Said(room=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        encode_reply(said, 7)
    assert said.id is UNSET


class Colour(Command, tag="colour"):
    """A command with an enumeration and a check of its own."""

    name: Literal["red", "blue"]
    more: tuple[Say, ...] = ()

    def __post_init__(self) -> None:
        """Refuse blue, in the command's own words."""
        if self.name == "blue":
            raise ValueError(f"SECRET {self.name}")


DETAILS = {
    "a type": ('{"type":"SECRET"}', "Invalid value of 6 characters - at `$.type`"),
    "a quote in a type": ('{"type":"SEC\'RET"}', "Invalid value of 7 characters - at `$.type`"),
    "a field": ('{"type":"colour","SECRET":1}', "Object contains unknown field of 6 characters"),
    "a field below": (
        '{"type":"colour","more":[{"type":"say","SECRET":1}]}',
        "Object contains unknown field of 6 characters - at `$.more[0]`",
    ),
    "lines in a field": (
        '{"type":"colour","SECRET\\n`":1}',
        "Object contains unknown field of 8 characters",
    ),
    "an enumeration": (
        '{"type":"colour","name":"SECRET"}',
        "Invalid enum value of 6 characters - at `$.name`",
    ),
    "a check": ('{"type":"colour","name":"blue"}', "the command's own check raised ValueError"),
    "a declared field": ('{"type":"colour","name":1}', "Expected `str`, got `int` - at `$.name`"),
}


@pytest.mark.parametrize(("raw", "detail"), DETAILS.values(), ids=list(DETAILS))
def test_the_reason_of_a_refused_message_quotes_no_client(raw: str, detail: str) -> None:
    """A token in the place of a type, a field or a value appears as its length."""
    with pytest.raises(msgspec.DecodeError) as error:
        decoder([Say, Colour]).decode(raw)
    assert decode_detail(error.value) == detail
