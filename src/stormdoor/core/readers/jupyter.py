"""Messages of Jupyter kernels on a WebSocket: the subprotocol v1, and the older JSON and binary forms.

The type is `msg_type` of the header, which the kernel dispatches by. The channel counts too: a kernel reads
each message on `stdin` as the answer to its question, without regard to the type.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

from stormdoor.core.readers.reader import TypeReader, Unreadable
from stormdoor.core.readers.strict_json import parse, text_of, type_at

__all__ = ["V1", "JupyterReader"]

V1 = "v1.kernel.websocket.jupyter.org"
"""The subprotocol; its messages are binary."""

_V1_OFFSETS = 6
"""Least number of offsets: channel, header, parent header, metadata, content, and the end."""
_FIELDS = ("msg_id", "msg_type", "session", "username", "date", "version")
_LONGEST = 256
"""Characters of a field of a header that an answer repeats."""
_CHANNELS = {"shell": None, "control": None, "stdin": "input_reply"}
"""The channels that a client may write to, and the only type there, if there is only one."""


class JupyterReader(TypeReader):
    """Reads the type of a kernel message.

    Args:
        subprotocol: The subprotocol that the server has selected; None for the older forms.
    """

    def __init__(self, subprotocol: str | None) -> None:
        self._v1 = subprotocol == V1
        self._asked: tuple[str, dict[str, str]] = ("", {})
        """Channel and header of the message that was read last."""

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
        self._asked = channel, _copied(header)
        return (found,)

    def answers(self, text: str) -> tuple[str | bytes, ...]:
        """See `TypeReader`. A kernel would answer an error in the same form, so that no cell waits for it.

        A request that executes gets an error to display, then the reply, and then the state `idle`, which
        ends the wait of its client. Other messages get the state alone.
        """
        channel, asked = self._asked
        kind = asked.get("msg_type", "")
        error = {"ename": "Refused", "evalue": text, "traceback": [text]}
        found: list[tuple[str, str, dict[str, object]]] = []
        if kind == "execute_request":
            found.append(("iopub", "error", {**error}))
        if kind.endswith("_request"):
            reply = kind.removesuffix("_request") + "_reply"
            found.append((channel, reply, {"status": "error", "execution_count": None, **error}))
        found.append(("iopub", "status", {"execution_state": "idle"}))
        return tuple(self._message(*one, asked, number) for number, one in enumerate(found))

    def _message(
        self,
        channel: str,
        kind: str,
        content: dict[str, object],
        asked: dict[str, str],
        number: int,
    ) -> str | bytes:
        """Return a message of the server, as an answer to the one with the header `asked`."""
        header = {
            **asked,
            "msg_id": f"{asked.get('msg_id', '')}_refused_{number}",
            "msg_type": kind,
        }
        if not self._v1:
            parts = {"header": header, "parent_header": asked, "metadata": {}, "content": content}
            return json.dumps({"channel": channel, "buffers": [], **parts})
        return _write_v1(channel, header, asked, {}, content)

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


def _copied(header: Any) -> dict[str, str]:
    """Return the known fields of a header that are short texts. A client chooses them."""
    return {
        name: value
        for name in _FIELDS
        if isinstance(value := header.get(name), str) and len(value) <= _LONGEST
    }


def _write_v1(channel: str, *parts: Mapping[str, object]) -> bytes:
    """Return a message of the subprotocol v1."""
    data = [channel.encode(), *(json.dumps(one).encode() for one in parts)]
    offsets = list(accumulate(map(len, data), initial=8 * (len(data) + 2)))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(data)


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
