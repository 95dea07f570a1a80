"""Frames of the WebSocket protocol as a server writes them (RFC 6455 §5.2): whole and without a mask."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

__all__ = [
    "BINARY",
    "CLOSE",
    "CLOSE_CODES",
    "COMPRESSED",
    "CONTINUATION",
    "FINAL",
    "MOST_CONTROL_BYTES",
    "PING",
    "PONG",
    "TEXT",
    "CheckedFrame",
    "Mask",
    "Prepared",
    "close_frame",
    "head",
    "xor_mask",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, COMPRESSED = 0x80, 0x40

MOST_CONTROL_BYTES = 125
"""Largest payload of a ping, a pong or a close (§5.5)."""

CLOSE_CODES = frozenset([*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)])
"""Codes that are allowed in a close frame (§7.4, and the registry of IANA)."""

Mask = Callable[[bytes, bytes], bytes]
"""Function of four key bytes and data: returns the data, masked or unmasked (§5.3)."""

_long, _longer = struct.Struct(">BBH").pack, struct.Struct(">BBQ").pack
_code = struct.Struct(">H").pack
# The most frequent head by far: a whole text of up to 125 bytes.
_SHORT_TEXTS = tuple(bytes((FINAL | TEXT, size)) for size in range(126))


def head(opcode: int, size: int, *, compressed: bool = False) -> bytes:
    """Return the head of a frame with a payload of `size` bytes."""
    if size < 126:
        if opcode == TEXT and not compressed:
            return _SHORT_TEXTS[size]
        return bytes((FINAL | (COMPRESSED if compressed else 0) | opcode, size))
    first = FINAL | (COMPRESSED if compressed else 0) | opcode
    return _long(first, 126, size) if size < 0x10000 else _longer(first, 127, size)


@lru_cache(maxsize=64, typed=True)
def close_frame(code: int | None, reason: str | bytes | None) -> bytes:
    """Return a close frame of the server. Connections that end for one cause share it.

    Raises:
        struct.error: `code` is not a number of two bytes.
        ValueError: It is longer than a control frame allows.
    """
    if code is None:
        code = 1000 if reason is not None else None
    payload = b"" if code is None else _code(code)
    if reason is not None:
        payload += reason.encode() if isinstance(reason, str) else reason
    if len(payload) > MOST_CONTROL_BYTES:
        raise ValueError("control frame payloads may not exceed 125 bytes")
    return bytes((FINAL | CLOSE, len(payload))) + payload


def xor_mask(key: bytes, data: bytes) -> bytes:
    """Mask without an extension module."""
    size = len(data)
    stream = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")
    return mixed.to_bytes(size, "little")


class CheckedFrame(bytes):
    """A frame for a recipient that is checked again if the frame has waited in a queue.

    Attributes:
        again: Function of the recipient's connection; False if it may no longer receive the frame.
    """

    again: Callable[[Any], bool]


class Prepared:
    """A message for many recipients: encoded and framed once.

    Attributes:
        payload: The message.
        opcode: TEXT or BINARY.
        again: Function of the connection of a recipient, called if the message has waited during a fence;
            False if the connection may no longer receive it. None if the connection's own state decides.
        frame: The message in its frame, without compression.
    """

    __slots__ = ("again", "frame", "opcode", "payload")

    def __init__(
        self,
        payload: bytes,
        again: Callable[[Any], bool] | None = None,
        *,
        opcode: int = TEXT,
    ) -> None:
        self.payload = payload
        self.opcode = opcode
        self.again = again
        self.frame = head(opcode, len(payload)) + payload
        if again is not None:
            self.frame = frame = CheckedFrame(self.frame)
            frame.again = again
