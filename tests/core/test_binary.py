"""Commands in MessagePack: what JSON cannot say, no client can."""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import Command, Line, Number, Reply
from stormdoor.core import binary
from stormdoor.core.binary import (
    MalformedBinary,
    Packed,
    binary_decoder,
    first_message_text,
    pack,
    pack_reply,
    read_binary_id,
    read_binary_in_band,
    repack,
)
from stormdoor.core.in_band import Prove, Refresh
from stormdoor.core.message import decoder

DEPTH = 16


class Move(Command, tag="move"):
    room: Line
    x: float = 0.0
    n: Number = 0.0
    path: tuple[float, ...] = ()
    more: Any = None
    data: bytes = b""


class Stop(Command, tag="stop"):
    room: Line


class Moved(Reply, tag="moved"):
    room: str


COMMANDS: list[type[Command]] = [Move, Stop]
decode = binary_decoder(COMMANDS, DEPTH)


def text(value: str) -> bytes:
    """Return a text in its usual form."""
    return pack(value)


SCANNED = text("\u0501")
"""A text with a byte that could begin an extension: the message is read token by token."""


def message(*parts: bytes, size: int | None = None) -> bytes:
    """Return a map of the tag, a room, and more."""
    pairs = 2 + len(parts) // 2 if size is None else size
    return (
        bytes([0x80 | pairs])
        + text("type")
        + text("move")
        + text("room")
        + text("a")
        + b"".join(parts)
    )


def field(value: bytes, name: str = "more") -> bytes:
    """Return a command with one field of these bytes."""
    return message(text(name), value)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "stop", "room": "a", "id": 7},
        {"type": "move", "room": "é 👋 שלום", "x": 1.5, "path": [1.0, -2.5], "id": "x"},
        {"type": "move", "room": "a", "more": {"a": [1, None, True, {"b": "room room"}]}},
        {"type": "move", "room": "a", "data": b"\x00\xff" * 40_000},
        {"type": "move", "room": "x" * 999, "more": list(range(-200, 70_000, 1000))},
        {
            "type": "move",
            "room": "a",
            "more": [2**63, -(2**63), 2**31, -(2**31), 300, -300, 200, -100],
        },
        {"type": "move", "room": "a", "more": {str(n): n for n in range(20)}},
        {
            "type": "move",
            "room": "a",
            "more": ["y" * 300, "z" * 70_000, 3.4e38],
        },
    ],
)
def test_honest_messages(value: dict[str, Any]) -> None:
    """A command is decoded into the same type, with the same values, as from JSON."""
    command = decode(pack(value))
    assert pack(command) == pack(msgspec.convert(value, type(command)))


REFUSED: dict[str, bytes] = {
    "a name twice": message(text("room"), text("b")),
    "the tag twice": message(text("type"), text("stop")),
    "a name twice with two heads": message(b"\xd9\x04room", text("b")),
    "NaN": field(pack(math.nan), "x"),
    "infinity": field(pack(math.inf), "x"),
    "minus infinity in a list": field(pack([1.0, -math.inf]), "path"),
    "NaN of four bytes": field(b"\xca\x7f\xc0\x00\x00", "x"),
    "NaN in anything": field(pack({"a": [math.nan]})),
    "an extension": field(b"\xd4\x05a"),
    "an extension of a length": field(b"\xc7\x01\x05a"),
    "a time": field(pack(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))),
    "too deep": field(b"\x91" * 20 + b"\xc0"),
    "too deep in maps": field(b"\x81\xa1a" * 20 + b"\xc0"),
    "a deep bomb": field(b"\x91" * 60_000 + b"\xc0"),
    "binary data as text": message(text("id"), b"\xc4\x01a"),
    "a text as number": field(text("1"), "x"),
    "an unknown field": field(b"\xc3", "admin"),
    "no tag": b"\x81" + text("room") + text("a"),
    "another tag": b"\x81" + text("type") + text("kick"),
    "a list": pack(["move"]),
    "a control character": b"\x82" + text("type") + text("stop") + text("room") + text("\x1b[2J"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_messages_that_are_refused(case: str) -> None:
    """They are MessagePack, and no command: an error as for JSON."""
    with pytest.raises((msgspec.ValidationError, RecursionError)):
        decode(REFUSED[case])


def test_plain_msgspec_accepts_some_of_them() -> None:
    """Without the check of tokens, these reach the application."""
    plain = msgspec.msgpack.Decoder(Move | Stop)
    assert plain.decode(REFUSED["a name twice"]).room == "b"
    assert plain.decode(REFUSED["a name twice with two heads"]).room == "b"
    assert math.isnan(plain.decode(REFUSED["NaN"]).x)
    assert math.isinf(plain.decode(REFUSED["minus infinity in a list"]).path[1])
    assert isinstance(plain.decode(REFUSED["an extension"]).more, msgspec.msgpack.Ext)
    assert plain.decode(REFUSED["too deep"]).more


MALFORMED: dict[str, bytes] = {
    "a map as name": field(b"\x81\x80\xc0"),
    "nothing": b"",
    "half": pack({"type": "stop", "room": "a"})[:-1],
    "more behind it": pack({"type": "stop", "room": "a"}) + b"\xc0",
    "an unknown token": b"\xc1",
    "an unknown token inside": field(b"\x92\xc1" + SCANNED),
    "a list of four thousand million": field(b"\xdd\xff\xff\xff\xff"),
    "a map of four thousand million": field(b"\xdf\xff\xff\xff\xff"),
    "a text of four thousand million": field(b"\xdb\xff\xff\xff\xffa"),
    "data of four thousand million": field(b"\xc6\xff\xff\xff\xffa", "data"),
    "a list of 65535": field(b"\xdc\xff\xff"),
    "a number without its bytes": field(b"\x92\xdd\x00\x00\x00\x00\xcf\x00"),
    "a text that is not UTF-8": b"\x82" + text("type") + text("stop") + text("room") + b"\xa1\xff",
    "half a surrogate pair": field(b"\xa3\xed\xa0\x80"),
    "random bytes": bytes(range(0xF0, 0x100)),
    "JSON": b'{"type": "stop", "room": "a"}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_messages_that_are_no_messagepack(case: str) -> None:
    """The stream of the client cannot be trusted to be in step: a special error."""
    with pytest.raises(MalformedBinary):
        decode(MALFORMED[case])


class Plot(Command, tag="plot"):
    v: list[float]


class Node(Command, tag="node"):
    inner: tuple[Node, ...] = ()


class When(Command, tag="when"):
    at: dt.datetime | None = None
    sizes: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)


def test_numbers_are_not_read_token_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand numbers contain all bytes by chance; their command can hold nothing dangerous."""
    read = binary_decoder([Plot, When], DEPTH)
    raw = pack({"type": "plot", "v": [number / 7 for number in range(1000)]})
    monkeypatch.setattr(binary, "_scan", lambda *_: pytest.fail("read token by token"))
    assert read(raw) == msgspec.msgpack.decode(raw, type=Plot)
    assert read(pack(When(sizes={"a": (1, 2)}))) == When(sizes={"a": (1, 2)})


def test_types_that_nest_in_themselves() -> None:
    """Their depth is limited by the guard, not by the type."""
    read = binary_decoder([Node], DEPTH)

    def nested(levels: int) -> dict[str, Any]:
        return {"type": "node", "inner": [nested(levels - 1)] if levels else []}

    assert read(pack(nested(6))).id is msgspec.UNSET
    with pytest.raises(msgspec.ValidationError, match="deeper"):
        read(pack(nested(9)))


def test_the_depth_of_a_field_of_any_type_is_limited() -> None:
    """Without the limit, each message could cost a recursion as deep as its length."""
    read = binary_decoder([Move], DEPTH)

    def nested(levels: int) -> object:
        return [nested(levels - 1)] if levels else 1

    assert read(pack({"type": "move", "room": "a", "more": nested(DEPTH - 1)})).id is msgspec.UNSET
    with pytest.raises(msgspec.ValidationError, match="deeper than"):
        read(pack({"type": "move", "room": "a", "more": nested(DEPTH + 1)}))


def test_a_list_where_numbers_are_and_not_finite() -> None:
    """Only the tokens decide whether a number is not finite."""
    read = binary_decoder([Plot], DEPTH)
    with pytest.raises(msgspec.ValidationError, match="not finite"):
        read(pack({"type": "plot", "v": [1.0, math.inf]}))
    like = struct.unpack(">d", b"\x00\xcb\x7f\xf0\x00\x00\x00\x00")[0]
    assert read(pack({"type": "plot", "v": [like]})) == Plot(v=[like])


def test_a_name_twice_in_a_map_without_a_type() -> None:
    """The last one counts, as in JSON: only the command itself has names that the guard reads."""
    found = decode(field(b"\x82\xa1q\x01\xa1q\x02"))
    assert isinstance(found, Move)
    assert found.more == {"q": 2}


def test_numbers_as_names_in_a_map_without_a_type() -> None:
    """A field of any type may hold what MessagePack has beside JSON: bytes, and other names than texts."""
    found = decode(field(b"\x82\x01\xa1a\xa1b\xc4\x01\xff"))
    assert isinstance(found, Move)
    assert found.more == {1: "a", "b": b"\xff"}


def test_names_that_are_no_texts_are_refused_by_the_scan() -> None:
    """Where tokens are read one by one, names must be texts."""
    with pytest.raises(msgspec.ValidationError, match="no text"):
        decode(field(b"\x92\x81\xc4\x01a\xc0\xca\x7f\xff\xff\xff"))


def test_every_form_of_a_value() -> None:
    """All heads of MessagePack are passed by the right number of bytes."""
    forms = [
        b"\xc0", b"\xc2", b"\x7f", b"\xe0", b"\xcc\xff", b"\xcd\xff\xff", b"\xce" + b"\xff" * 4,
        b"\xcf" + b"\xff" * 8, b"\xd0\x80", b"\xd1\x80\x00", b"\xd2\x80\x00\x00\x00",
        b"\xd3\x80" + b"\x00" * 7, b"\xca\x00\x00\x00\x00", b"\xcb" + b"\x00" * 8, b"\xa0",
        b"\xd9\x01a", b"\xda\x00\x01a", b"\xdb\x00\x00\x00\x01a", b"\xc4\x01a", b"\xc5\x00\x01a",
        b"\xc6\x00\x00\x00\x01a", b"\x90", b"\x91\xc0", b"\xdc\x00\x01\xc0", b"\xdd\x00\x00\x00\x01\xc0",
        b"\x80", b"\x81\xa1a\xc0", b"\xde\x00\x01\xd9\x01a\xc0", b"\xdf\x00\x00\x00\x01\xda\x00\x01a\xc0",
    ]  # fmt: skip
    found = decode(field(b"\xdc\x00" + bytes([len(forms) + 1]) + b"".join(forms) + SCANNED))
    assert isinstance(found, Move)
    assert found.more == [*map(msgspec.msgpack.decode, forms), "\u0501"]
    for form in forms:
        for end in range(1, len(form)):
            with pytest.raises(MalformedBinary):
                decode(field(b"\x92" + SCANNED + form[:end]))


def test_a_float_of_four_bytes() -> None:
    """The short form is read, also where the tokens are checked."""
    found = decode(field(b"\x92\xca\x3f\x80\x00\x00" + SCANNED, "more"))
    assert isinstance(found, Move)
    assert found.more == [1.0, "\u0501"]


def test_a_time_needs_no_extension_if_the_command_has_one() -> None:
    """A text is the form of a time in both encodings."""

    class At(Command, tag="at"):
        when: dt.datetime

    read = binary_decoder([At], DEPTH)
    found = read(pack({"type": "at", "when": "2026-01-01T00:00:00Z"}))
    assert found == At(when=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=40)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=8), inner, max_size=18),
    max_leaves=30,
)  # fmt: skip


@given(values)
def test_any_value_that_json_can_hold(value: Any) -> None:
    """The check of tokens refuses nothing that JSON could say, but for its depth."""
    found = decode(field(b"\x92" + pack(value) + SCANNED))
    assert isinstance(found, Move)
    assert pack(found.more[0]) == pack(value)


@given(st.binary(max_size=80))
def test_any_bytes(raw: bytes) -> None:
    """No bytes raise another error, and what is accepted is what JSON accepts."""
    for given_bytes in (raw, field(raw), field(raw, "path")):
        try:
            command = decode(given_bytes)
        except (msgspec.DecodeError, MalformedBinary, RecursionError):
            continue
        if getattr(command, "data", b"") == b"":
            as_json: Callable[[bytes], Command] = decoder(COMMANDS).decode
            assert pack(as_json(msgspec.json.encode(command))) == pack(command) or b"\xc4" in raw


def test_ids_and_commands_for_the_guard() -> None:
    """They are read as from JSON."""
    assert read_binary_id(pack({"type": "zzz", "id": 7, "more": [1]})) == 7
    assert read_binary_id(b"\x81") is msgspec.UNSET
    assert read_binary_id(pack({"id": -1})) is msgspec.UNSET
    refresh = read_binary_in_band(pack({"type": "stormdoor.refresh", "token": "t", "id": 1}))
    assert refresh == Refresh(token="t", id=1)
    prove = read_binary_in_band(pack({"type": "stormdoor.prove", "totp": "123456"}))
    assert prove == Prove(totp="123456")
    assert read_binary_in_band(pack({"type": "stop"})) is None
    assert read_binary_in_band(pack({"type": "stormdoor.refresh"})) is None
    assert first_message_text(pack({"type": "stormdoor.authenticate", "token": "t"})) == (
        '{"type":"stormdoor.authenticate","token":"t"}'
    )
    assert first_message_text(b"\xc1") == ""


def test_replies() -> None:
    """A reply has the id of its command, also if the same object answers several."""
    reply = Moved(room="a")
    for id in (7, "x"):
        assert msgspec.msgpack.decode(pack_reply(reply, id)) == {
            "type": "moved",
            "room": "a",
            "id": id,
        }
    assert reply.id is msgspec.UNSET
    assert msgspec.msgpack.decode(pack_reply(reply, msgspec.UNSET)) == {
        "type": "moved",
        "room": "a",
    }
    assert msgspec.msgpack.decode(pack_reply(Moved(room="a", id=1), 2))["id"] == 1
    assert msgspec.msgpack.decode(pack_reply({"a": b"\x00"}, 2)) == {"a": b"\x00", "id": 2}
    assert msgspec.msgpack.decode(pack_reply({"id": 1}, 2)) == {"id": 1}
    assert msgspec.msgpack.decode(pack_reply([1], 2)) == [1]
    with pytest.raises(TypeError):
        pack_reply(Moved(room=object()), 3)  # type: ignore[arg-type]
    assert msgspec.msgpack.decode(repack(b'{"type": "error", "id": 7}')) == {
        "type": "error",
        "id": 7,
    }
    assert Packed(b"a") == b"a"
