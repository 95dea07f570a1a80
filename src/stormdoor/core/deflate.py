"""permessage-deflate (RFC 7692): its negotiation, and both directions with their limits."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Agreement", "Deflater", "Inflater", "agree"]

_TAIL = b"\x00\x00\xff\xff"
_STREAM_END = b"\x00" + _TAIL
_ENDS = (_TAIL, _STREAM_END)
_EXTENSION = "permessage-deflate"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a token of RFC 9110
_PIECE = re.compile(rf'\s*({_TOKEN})(?:\s*=\s*("(?:[^"\\]|\\.)*"|{_TOKEN}))?\s*([;,]|\Z)')
_FLAGS = frozenset(["server_no_context_takeover", "client_no_context_takeover"])
_BITS = frozenset(["server_max_window_bits", "client_max_window_bits"])
_LEVEL = 6
_MEMORY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The negotiated parameters of the compression.

    Attributes:
        server_bits: Size of the window of the server, as a power of two.
        client_bits: Size of the window of the client, as a power of two.
        server_keeps: Whether the server's compressor keeps its window between messages.
        client_keeps: Whether the client's compressor keeps its window between messages.
        answer: The value of `Sec-WebSocket-Extensions` in the answer.
    """

    server_bits: int = zlib.MAX_WBITS
    client_bits: int = zlib.MAX_WBITS
    server_keeps: bool = True
    client_keeps: bool = True
    answer: str = _EXTENSION


def agree(header: str) -> Agreement | None:
    """Return the first offer of permessage-deflate that can be accepted, or None.

    An offer with an unknown, duplicate or out-of-range parameter is declined (§7), and so is a server
    window of 2^8 bytes, which zlib cannot write.
    """
    for offer in _offers(header):
        agreement = _accepted(offer)
        if agreement is not None:
            return agreement
    return None


def _offers(header: str) -> list[list[tuple[str, str | None]]]:
    """Return each extension with its parameters, in order; nothing if the header is malformed."""
    offers: list[list[tuple[str, str | None]]] = []
    offer: list[tuple[str, str | None]] = []
    at, end = 0, len(header)
    while at < end:
        piece = _PIECE.match(header, at)
        if piece is None:
            return []
        name, value, mark = piece.groups()
        if value is not None and value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        offer.append((name, value))
        at = piece.end()
        if mark != ";":
            offers.append(offer)
            offer = []
    # A trailing semicolon announces a parameter that is missing.
    return [] if offer else offers


def _accepted(offer: list[tuple[str, str | None]]) -> Agreement | None:
    (name, value), *parameters = offer
    found = dict(parameters)
    if name != _EXTENSION or value is not None or len(found) != len(parameters):
        return None
    answer = [_EXTENSION]
    bits = {"server_max_window_bits": zlib.MAX_WBITS, "client_max_window_bits": zlib.MAX_WBITS}
    for key, text in found.items():
        if key in _FLAGS and text is None:
            answer.append(key)
        elif key == "client_max_window_bits" and text is None:
            pass  # allowed; it does not affect the server
        elif key in _BITS and text in ("8", "9", "10", "11", "12", "13", "14", "15"):
            bits[key] = int(text)
            answer.append(f"{key}={text}")
        else:
            return None
    if bits["server_max_window_bits"] == 8:
        return None
    return Agreement(
        server_bits=bits["server_max_window_bits"],
        client_bits=bits["client_max_window_bits"],
        server_keeps="server_no_context_takeover" not in found,
        client_keeps="client_no_context_takeover" not in found,
        answer="; ".join(answer),
    )


class Deflater:
    """Compresses whole messages. Its window is allocated at the first message.

    Args:
        agreement: The negotiated parameters.
        options: `compression_level` and `mem_level`, as in Tornado's `get_compression_options`.

    Raises:
        ValueError: zlib does not have this option.
    """

    __slots__ = ("_agreement", "_level", "_memory", "_stream")

    def __init__(self, agreement: Agreement, options: Mapping[str, int]) -> None:
        self._agreement = agreement
        self._level = options.get("compression_level", _LEVEL)
        self._memory = options.get("mem_level", _MEMORY)
        if not (-1 <= self._level <= 9 and 1 <= self._memory <= 9):
            raise ValueError("compression_level is -1 to 9, and mem_level 1 to 9")
        self._stream: zlib._Compress | None = None

    def message(self, data: bytes) -> bytes:
        """Return the compressed message."""
        stream = self._stream
        if stream is None:
            stream = zlib.compressobj(
                self._level,
                zlib.DEFLATED,
                -self._agreement.server_bits,
                self._memory,
            )
            if self._agreement.server_keeps:
                self._stream = stream
        return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]


class Inflater:
    """Decompresses messages piece by piece, up to a limit.

    Args:
        agreement: The negotiated parameters.
    """

    __slots__ = ("_agreement", "_rest", "_stream")

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._stream: zlib._Decompress | None = None
        self._rest: bytes | None = None
        """Bytes of the present message that follow the end of its deflate stream; None before that end."""

    def piece(self, data: bytes, room: int, *, last: bool) -> bytes | None:
        """Decompress the next piece of a message.

        Args:
            data: The received bytes.
            room: Largest number of decompressed bytes.
            last: Whether the message ends here.

        Returns:
            The decompressed bytes, or None if they are more than `room`.

        Raises:
            zlib.error: The data is not valid.
        """
        if last:
            data += _TAIL
        out = b""
        if self._rest is None:
            stream = self._stream
            if stream is None:
                # zlib itself replaces 8 by 9.
                stream = self._stream = zlib.decompressobj(-max(9, self._agreement.client_bits))
            # One more than fits, to distinguish a message that just fits from a larger one. Zero would mean
            # "without a limit".
            out = stream.decompress(data, room + 1)
            if len(out) > room:
                return None
            if stream.eof:
                # The client may end its stream with a message, and begin another one (§7.2.3.4).
                self._stream = None
                self._rest, data = b"", stream.unused_data
        if self._rest is not None:
            self._rest += data
            if len(self._rest) > len(_STREAM_END) or (last and self._rest not in _ENDS):
                raise zlib.error("there is more after the end of the stream")
        if last:
            self._rest = None
            if not self._agreement.client_keeps:
                self._stream = None
        return out
