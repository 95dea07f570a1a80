"""Typed messages: decoded and validated in one pass, without unknown fields.

A handler's commands form one tagged union. A message is refused unless it is one of them, has only fields
of that command, and satisfies the bounds in the annotations.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Union, dataclass_transform

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "Command",
    "Count",
    "Envelope",
    "ErrorReply",
    "Identifier",
    "Line",
    "MessageId",
    "Number",
    "Reply",
    "Text",
    "Url",
    "decode_detail",
    "decoder",
    "encode",
    "encode_error",
    "encode_reply",
    "read_id",
    "too_deep",
    "union",
]

# Allowed ranges, because a set of refused ones takes three times as long to match. They exclude control
# characters, line and paragraph separators, U+FEFF, and characters that reorder or hide adjacent text:
# overrides and isolates of direction, U+061C, U+180E, U+200B, U+2060 to U+206F, U+FFF9 to U+FFFB, and tag
# characters.
_SHOWN = (
    r" -~\xa0-\u061b\u061d-\u180d\u180f-\u200a\u200c-\u2027\u202f-\u205f\u2070-\ufefe\uff00-\ufff8\ufffc-"
    r"\U000dffff\U000e0080-\U0010ffff"
)
# A flag such as that of Wales: tag characters behind U+1F3F4 (Unicode Technical Standard 51, ED-14a).
_FLAG = r"(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}+\U000e007f"


def _text(allowed: str) -> str:
    """Return the pattern of a text of `allowed` characters and flags. Matching takes linear time."""
    return rf"\A[{allowed}]*+(?:{_FLAG}[{allowed}]*+)*+\Z"


MessageId = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""Id that a client chose for a message; the reply repeats it. A text of up to 64 characters, or a number."""

Identifier = Annotated[str, Meta(max_length=64, pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]*\Z")]
"""A name that is safe in a path, a log and a query."""

Line = Annotated[str, Meta(max_length=1000, pattern=_text(_SHOWN))]
"""One line of text, without characters that control a terminal, reorder text, or are invisible.

U+200C to U+200F stay, because Persian, Hebrew and emoji need them; tag characters stay within flags.
"""

Text = Annotated[str, Meta(max_length=10_000, pattern=_text(rf"\t\n\r{_SHOWN}"))]
"""Several lines of such text."""

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""A whole number that JavaScript represents exactly."""

Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""A finite number."""

_URL = r"\Ahttps?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][!-~]*)?\Z"
Url = Annotated[str, Meta(max_length=2000, pattern=_URL)]
"""An absolute web address, without user name or password."""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Command(
    msgspec.Struct,
    tag_field="type",
    forbid_unknown_fields=True,
    kw_only=True,
    frozen=True,
    gc=False,
):
    """A message that a client may send. Subclass it, name a `tag`, and annotate the fields.

    Commands are frozen, so they never form a cycle, and the garbage collector need not track them.

    Attributes:
        id: Chosen by the client; comes back in the reply. `msgspec.UNSET` if there was none.
    """

    id: MessageId | UnsetType = UNSET


class Reply(msgspec.Struct, tag_field="type", kw_only=True):
    """A message that the server sends. Subclass it and name a `tag`.

    Attributes:
        id: The id of the command that it answers; filled in by the handler.
    """

    id: str | int | UnsetType = UNSET


class ErrorReply(Reply, tag="error"):
    """An action's error reply: the request was permitted, but could not be fulfilled.

    Attributes:
        error: The cause, as in the refusals of the guard.
        detail: Explanation for the client.
        needs: With `step-up`: the missing requirements, from `Decision.needs.on_the_wire()`.
    """

    error: Literal[
        "invalid",
        "forbidden",
        "step-up",
        "unauthenticated",
        "rate-limited",
        "too-large",
        "unavailable",
    ]
    detail: str | UnsetType = UNSET
    needs: dict[str, Any] | UnsetType = UNSET


class Envelope(msgspec.Struct):
    """The part of a message that can be read from a refused one."""

    id: MessageId | UnsetType = UNSET


# No text has both lengths, so no client can send this command.
_Impossible = Annotated[str, Meta(min_length=1, max_length=0)]


class _Nothing(Command, tag="\x00", kw_only=True):
    """A command that no client can send. With it even a single command is a union, and needs its tag."""

    never: _Impossible


encode = msgspec.json.Encoder().encode
"""Return the JSON bytes of a `Reply`, a command, or another value that msgspec encodes."""

_read_envelope = msgspec.json.Decoder(Envelope).decode
# Possessive, and it accepts an unterminated text: linear time for every input.
_NO_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^"\[\]{}]++', re.DOTALL)


def decoder(commands: list[type[Command]]) -> msgspec.json.Decoder[Any]:
    """Return a decoder for the union of `commands`, all of which share one tag field.

    Raises:
        TypeError: Two commands have one tag, or different tag fields.
    """
    return msgspec.json.Decoder(union(commands))


def union(commands: list[type[Command]]) -> Any:
    """Return the union of `commands`, in which a tag is required also of a single command."""
    field = commands[0].__struct_config__.tag_field
    nothing = (
        _Nothing
        if field == "type"
        else msgspec.defstruct(
            "_Nothing",
            [("never", _Impossible)],
            tag_field=field,
            tag="\x00",
            forbid_unknown_fields=True,
        )
    )
    return Union[(*commands, nothing)]


# Not greedy: a name that contains the rest of the pattern shows only the text after it.
_QUOTED = re.compile(
    r"(Invalid (?:enum )?value|Object contains unknown field) ['`]?(.*?)['`]?( - at `\$[^`]*`)?\Z",
    re.DOTALL,
)


def decode_detail(error: Exception) -> str:
    """Return the reason why a message could not be decoded, for the log and the trail.

    A client may send a secret in the wrong place. So a value or name that is not declared appears as its
    length, and an error of a command's own code as its type.
    """
    if isinstance(error.__cause__, (ValueError, TypeError)):
        return f"the command's own check raised {type(error.__cause__).__name__}"
    found = _QUOTED.match(str(error))
    if found is None:
        return str(error)
    fault, quoted, place = found.groups()
    return f"{fault} of {len(quoted)} characters{place or ''}"


def too_deep(raw: str, limit: int) -> bool:
    """Return whether arrays and objects in `raw` nest deeper than `limit`, without decoding it."""
    # Cheap and certain for nearly every message: one with few brackets cannot be deep.
    if raw.count("{") + raw.count("[") <= limit:
        return False
    depth = deepest = 0
    for mark in _NO_BRACKETS.sub("", raw):
        if mark in "{[":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest > limit


def read_id(raw: str) -> str | int | UnsetType:
    """Return the `id` of a refused message, if one can be read."""
    try:
        return _read_envelope(raw).id
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return UNSET


def encode_error(error: str, id: str | int | UnsetType = UNSET, **more: object) -> bytes:
    """Return the error reply `{"type": "error", "error": ..., "id": ...}`."""
    reply: dict[str, object] = {"type": "error", "error": error}
    if id is not UNSET:
        reply["id"] = id
    return encode(reply | more)


def encode_reply(reply: object, id: str | int | UnsetType) -> bytes:
    """Return the JSON bytes of an action's result, with the id of the command that it answers."""
    if id is UNSET:
        return encode(reply)
    if isinstance(reply, Reply):
        if reply.id is UNSET:
            # Encoded with the id and restored: the same object may be sent to others as well.
            reply.id = id
            try:
                return encode(reply)
            finally:
                reply.id = UNSET
    elif isinstance(reply, dict) and "id" not in reply:
        return encode({**reply, "id": id})
    return encode(reply)
