"""Commands in MessagePack: the same types as in JSON, and nothing that JSON could not say ambiguously.

msgspec decodes and validates in one pass. MessagePack can hold more: names that occur twice, numbers that
are not finite, and extension types. A message in which one of these is possible
is read token by token; a few counts show that nearly all messages have none.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec import inspect as shapes

from stormdoor.core.in_band import RESERVED, Authenticate, Prove, Refresh
from stormdoor.core.message import Command, Envelope, Reply, encode, union

__all__ = [
    "MalformedBinary",
    "Packed",
    "binary_decoder",
    "first_message_text",
    "pack",
    "pack_reply",
    "read_binary_id",
    "read_binary_in_band",
    "repack",
]


class MalformedBinary(Exception):
    """The bytes are no MessagePack: truncated, followed by others, or with an unknown token."""


class Packed(bytes):
    """A message in MessagePack, as distinct from the JSON of other messages of the server."""

    __slots__ = ()


# The heads of maps and arrays. Text may contain these bytes, too: then the tokens decide.
_HEADS = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
_EXTENSION = re.compile(rb"[\xc7-\xc9\xd4-\xd8]")
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")
_SIZES = [0] * 256
"""Bytes of a token by its head, for values that need no further look; 0 for others."""
_SIZES[0x00:0x80] = [1] * 0x80
_SIZES[0xA0:0xC0] = range(1, 33)
_SIZES[0xE0:0x100] = [1] * 0x20
for _head, _size in zip(
    (0xC0, 0xC2, 0xC3, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3),
    (1, 1, 1, 2, 3, 5, 9, 2, 3, 5, 9),
    strict=True,
):
    _SIZES[_head] = _size
_FLOATS = {0xCA: struct.Struct(">f"), 0xCB: struct.Struct(">d")}
_SIZED = {0xC4: 1, 0xD9: 1, 0xC5: 2, 0xDA: 2, 0xC6: 4, 0xDB: 4}
"""Bytes of the length of binary data or a text."""
_HOLDERS = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
"""Bytes of the length of an array or a map."""
_EXTENSIONS = frozenset({*range(0xC7, 0xCA), *range(0xD4, 0xD9)})


def _scan(raw: bytes, depth: int) -> None:
    """Read all tokens of a message, without recursion and without keeping a value.

    Raises:
        MalformedBinary: A token is unknown, or longer than the message; or bytes follow.
        msgspec.ValidationError: The message says what JSON could not, or nests too deep.
    """
    at, left = 0, 1
    names: set[bytes] | None = None  # of the map that is open
    outer: list[tuple[int, set[bytes] | None]] = []
    try:
        while left or outer:
            if not left:
                left, names = outer.pop()
                continue
            # The tokens of a map alternate: an even number is left before a name.
            if names is not None and not left & 1:
                at = _pass_name(raw, at, names)
                left -= 1
                continue
            left -= 1
            head = raw[at]
            size = _SIZES[head]
            if size:
                at += size
                continue
            at, held = _pass_other(raw, at, head)
            if held >= 0 and len(outer) >= depth:
                raise msgspec.ValidationError(f"deeper than {depth}")
            if held > 0:
                outer.append((left, names))
                is_map = head < 0x90 or head >= 0xDE
                left, names = (2 * held, set()) if is_map else (held, None)
    except IndexError:
        raise MalformedBinary("it is truncated") from None
    if at != len(raw):
        raise MalformedBinary("it is truncated" if at > len(raw) else "bytes follow it")


def _pass_name(raw: bytes, at: int, names: set[bytes]) -> int:
    """Return the place behind a name, which is added to `names`."""
    head = raw[at]
    if 0xA0 <= head < 0xC0:
        start, end = at + 1, at + _SIZES[head]
    elif 0xD9 <= head <= 0xDB:
        start = at + 1 + _SIZED[head]
        end = start + int.from_bytes(raw[at + 1 : start], "big")
    else:
        raise msgspec.ValidationError("a name is no text")
    name = raw[start:end]
    if name in names:
        raise msgspec.ValidationError("a name comes twice")
    names.add(name)
    return end


def _pass_other(raw: bytes, at: int, head: int) -> tuple[int, int]:
    """Return the place behind a token, and its number of elements; -1 if it is no array or map."""
    at += 1
    if head < 0xA0:
        return at, head & 0x0F
    if head in _HOLDERS:
        end = at + _HOLDERS[head]
        return end, int.from_bytes(raw[at:end], "big")
    if head in _SIZED:
        end = at + _SIZED[head]
        return end + int.from_bytes(raw[at:end], "big"), -1
    if head in _FLOATS:
        end = at + _FLOATS[head].size
        if end <= len(raw):
            (number,) = _FLOATS[head].unpack_from(raw, at)
            if number - number != 0.0:
                raise msgspec.ValidationError("a number is not finite")
        return end, -1
    if head in _EXTENSIONS:
        raise msgspec.ValidationError("it has an extension type")
    raise MalformedBinary("it has an unknown token")


class _Shape:
    """Kinds of values that the fields of some commands can hold.

    Attributes:
        anything: A field takes a value of any type, or nests in itself: then its depth is not limited.
        floats: A field takes a number that may be not finite.
    """

    def __init__(self, commands: list[type[Command]]) -> None:
        self.anything = self.floats = False
        self._outer: list[type] = []
        for one in commands:
            self._look(shapes.type_info(one))

    def _look(self, kind: object) -> None:
        if isinstance(kind, shapes.AnyType | shapes.RawType | shapes.ExtType | shapes.CustomType):
            self.anything = self.floats = True
        elif isinstance(kind, shapes.FloatType | shapes.DecimalType):
            self.floats = True
        elif isinstance(kind, shapes.StructType) and kind.cls in self._outer:
            self.anything = True
        else:
            self._outer.append(getattr(kind, "cls", object))
            for name in ("fields", "types", "item_types"):
                for one in getattr(kind, name, ()):
                    self._look(getattr(one, "type", one))
            for name in ("item_type", "key_type", "value_type"):
                if (one := getattr(kind, name, None)) is not None:
                    self._look(one)
            self._outer.pop()


def binary_decoder(commands: list[type[Command]], depth: int) -> Callable[[bytes], Command]:
    """Return a function that decodes and validates a message as one of `commands`.

    Args:
        commands: The types, which share one tag field.
        depth: Greatest depth of nested arrays and maps, in fields of any type.
    """
    decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union(commands))
    read = decoder.decode
    shape = _Shape(commands)
    anything, floats = shape.anything, shape.floats
    names = {one: _spellings(one) for one in commands}

    def decode(raw: bytes) -> Command:
        if (floats and _NOT_FINITE.search(raw) is not None) or (
            anything
            and (
                len(raw) - len(raw.translate(None, _HEADS)) > depth
                or _EXTENSION.search(raw) is not None
            )
        ):
            _scan(raw, depth)
        try:
            command: Command = read(raw)
        except msgspec.ValidationError:
            _scan(raw, depth)  # what follows may be no MessagePack at all
            raise
        except (msgspec.DecodeError, UnicodeError) as error:
            raise MalformedBinary(str(error)) from None
        for usual, others in names[type(command)]:
            if raw.count(usual) + raw.count(others) > 1:
                _scan(raw, depth)
                break
        return command

    return decode


def _spellings(command: type[Command]) -> list[tuple[bytes, bytes]]:
    """Return each name of a command with its shortest head, and the end of all its longer heads."""
    found = []
    for name in (*command.__struct_encode_fields__, str(command.__struct_config__.tag_field)):
        text = name.encode()
        found.append((pack(name), bytes([len(text) & 0xFF]) + text))
    return found


pack = msgspec.msgpack.Encoder().encode
"""Return the MessagePack of a `Reply`, a command, or any other value that msgspec encodes."""

_read_envelope = msgspec.msgpack.Decoder(Envelope).decode
_read_in_band: Callable[[bytes], Refresh | Prove] = msgspec.msgpack.Decoder(Refresh | Prove).decode
_read_first = msgspec.msgpack.Decoder(Authenticate | Refresh).decode
_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeError)
_MARK = RESERVED.encode()


def read_binary_id(raw: bytes) -> str | int | UnsetType:
    """Return the `id` of a refused message, if one can be read."""
    try:
        return _read_envelope(raw).id
    except _ERRORS:
        return UNSET


def read_binary_in_band(raw: bytes) -> Refresh | Prove | None:
    """Return the reserved command in `raw`; None if it is none."""
    if _MARK not in raw:
        return None
    try:
        return _read_in_band(raw)
    except _ERRORS:
        return None


def first_message_text(raw: bytes) -> str:
    """Return the first message as JSON, in which the guard reads it; an empty text if it is none."""
    try:
        return encode(_read_first(raw)).decode()
    except _ERRORS:
        return ""


def pack_reply(reply: object, id: str | int | UnsetType) -> bytes:
    """Return an action's result in MessagePack, with the id of the command that it answers."""
    if id is not UNSET:
        if isinstance(reply, Reply) and reply.id is UNSET:
            # Encoded with the id and restored: the same object may be sent to others as well.
            reply.id = id
            try:
                return pack(reply)
            finally:
                reply.id = UNSET
        if isinstance(reply, dict) and "id" not in reply:
            return pack({**reply, "id": id})
    return pack(reply)


def repack(json: bytes) -> bytes:
    """Return a message of the server, which is made as JSON, in MessagePack."""
    return pack(msgspec.json.decode(json))
