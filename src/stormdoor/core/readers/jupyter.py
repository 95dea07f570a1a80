"""Messages of Jupyter kernels on a WebSocket: the subprotocol v1, and the older JSON and binary forms.

The type is `msg_type` of the header, which the kernel dispatches by. The channel counts too: a kernel reads
each message on `stdin` as the answer to its question, without regard to the type.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

from stormdoor.core.readers.reader import Unreadable
from stormdoor.core.readers.strict_json import parse, text_of, type_at

__all__ = ["V1", "JupyterReader"]

V1 = "v1.kernel.websocket.jupyter.org"
"""The subprotocol; its messages are binary."""

_V1_OFFSETS = 6
"""Least number of offsets: channel, header, parent header, metadata, content, and the end."""
_CHANNELS = {"shell": None, "control": None, "stdin": "input_reply"}
"""The channels that a client may write to, and the only type there, if there is only one."""


class JupyterReader:
    """Reads the type of a kernel message.

    Args:
        subprotocol: The subprotocol that the server has selected; None for the older forms.
    """

    def __init__(self, subprotocol: str | None) -> None:
        self._v1 = subprotocol == V1

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        channel: object
        if self._v1:
            if isinstance(message, str):
                raise Unreadable("a text message")
            channel, header = _read_v1(message)
        else:
            document = parse(message if isinstance(message, str) else _json_part(message))
            if not isinstance(document, dict):
                raise Unreadable("not an object")
            channel, header = document.get("channel"), document.get("header")
            if channel is None:
                channel = "shell"  # as the server does
        if not isinstance(channel, str) or channel not in _CHANNELS:
            raise Unreadable("another channel")
        found = type_at(header, ("msg_type",))
        only = _CHANNELS[channel]
        if only is not None and found != only:
            raise Unreadable(f"another type on {channel}")
        return (found,)

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        raise Unreadable("kernel messages have no HTTP transport")


def _read_v1(message: bytes) -> tuple[str, Any]:
    """Return the channel and the header of a message: little-endian offsets of 64 bits, then the parts."""
    count = int.from_bytes(message[:8], "little")
    if not _V1_OFFSETS <= count < len(message) // 8:
        raise Unreadable("a wrong number of offsets")
    offsets = struct.unpack_from(f"<{count}Q", message, 8)
    _check_offsets(offsets, 8 * (count + 1), len(message))
    channel = text_of(message[offsets[0] : offsets[1]])
    return channel, parse(message[offsets[1] : offsets[2]])


def _json_part(message: bytes) -> bytes:
    """Return the JSON of the older binary form: big-endian offsets of 32 bits, the JSON, then buffers."""
    count = int.from_bytes(message[:4], "big")
    if not 1 <= count < len(message) // 4:
        raise Unreadable("a wrong number of offsets")
    offsets = (*struct.unpack_from(f">{count}I", message, 4), len(message))
    _check_offsets(offsets, 4 * (count + 1), len(message))
    return message[offsets[0] : offsets[1]]


def _check_offsets(offsets: tuple[int, ...], first: int, size: int) -> None:
    if offsets[0] < first or offsets[-1] > size or any(a > b for a, b in pairwise(offsets)):
        raise Unreadable("offsets that are not in order")
