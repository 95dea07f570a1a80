"""Frames as a client writes them, right and wrong, from the text of RFC 6455 §5.2 alone."""

from __future__ import annotations

import struct

__all__ = ["KEY", "client_frame", "covered"]

KEY = b"\x37\xfa\x21\x3d"


def covered(payload: bytes, key: bytes = KEY) -> bytes:
    """The payload under its mask (§5.3)."""
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    rsv: int = 0,
    masked: bool = True,
    key: bytes = KEY,
    width: int | None = None,
    claimed: int | None = None,
) -> bytes:
    """One frame.

    Args:
        opcode: What it is.
        payload: What it carries.
        final: Whether the message ends with it.
        rsv: Its reserved bits, as they stand in the first byte.
        masked: Whether it is masked, as it must be.
        key: With what.
        width: Bytes of the length: 0, 2 or 8; None is the shortest that does.
        claimed: The length that it states; None is the right one.
    """
    size = len(payload) if claimed is None else claimed
    if width is None:
        width = 0 if size < 126 else 2 if size < 0x10000 else 8
    short = {0: size, 2: 126, 8: 127}[width]
    head = bytes([(0x80 if final else 0) | rsv | opcode, (0x80 if masked else 0) | short])
    if width:
        head += struct.pack(">H" if width == 2 else ">Q", size)
    return head + (key + covered(payload, key) if masked else payload)
