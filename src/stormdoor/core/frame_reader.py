"""A strict reader of client frames (RFC 6455, 7692): bytes in, messages out.

It does not wait and uses no socket. The first byte that breaks a rule ends the connection, with the close
code of the RFC.
"""

from __future__ import annotations

import codecs
import zlib
from dataclasses import dataclass

from stormdoor.core.deflate import Inflater
from stormdoor.core.frame import (
    BINARY,
    CLOSE,
    CLOSE_CODES,
    COMPRESSED,
    CONTINUATION,
    FINAL,
    MOST_CONTROL_BYTES,
    PING,
    PONG,
    TEXT,
    Mask,
    xor_mask,
)

__all__ = ["FrameReader", "Violation"]

_PROTOCOL_ERROR, _NOT_TEXT, _TOO_LARGE, _POLICY = 1002, 1007, 1009, 1008
_KINDS = frozenset([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
_utf8 = codecs.getincrementaldecoder("utf-8")

_FRAGMENTS = 256
_LEAST_FRAGMENT = 16
"""Number of fragments from which on the average fragment of a message must have at least as many bytes."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The client broke a rule.

    Attributes:
        code: The close code.
        reason: The broken rule, as text.
    """

    code: int
    reason: str


class FrameReader:
    """Reads the frames of one client.

    Pass received bytes to `feed`, then call `next` until it returns None. Bytes after the latest frame are
    kept unread, so a caller that stops in between has parsed nothing that comes later.

    Args:
        limit: Bytes of the largest message, checked before anything is buffered. A compressed message must be
            within it before and after decompression. It may be changed between two messages.
        mask: Function that unmasks a payload.
        inflater: Decompressor of messages, if compression was negotiated.

    Attributes:
        violation: The rule that the client broke, or None; nothing is read after it.
        ended: Whether a close frame was read; nothing is read after it.
        unfinished: Whether `next` has found an incomplete message, or a violation. The caller resets it.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_compressed",
        "_decoder",
        "_final",
        "_fragments",
        "_inflater",
        "_key",
        "_left",
        "_mask",
        "_message",
        "_opcode",
        "_wire",
        "ended",
        "limit",
        "unfinished",
        "violation",
    )

    def __init__(
        self, limit: int, *, mask: Mask = xor_mask, inflater: Inflater | None = None
    ) -> None:
        self.limit = limit
        self.violation: Violation | None = None
        self.ended = False
        self.unfinished = False
        self._mask = mask
        self._inflater = inflater
        self._buffer = b""
        self._at = 0
        # State of the present message, from its first frame to its last:
        self._message: bytearray | None = None
        self._opcode = 0
        self._compressed = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._wire = 0
        self._fragments = 0
        # State of the present frame, if its payload comes in pieces:
        self._left = 0
        self._final = False
        self._key = b""

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        if self.violation is not None or self.ended:
            return
        if self._at < len(self._buffer):
            self._buffer = self._buffer[self._at :] + data
        else:
            self._buffer = data
        self._at = 0

    @property
    def kept(self) -> int:
        """Bytes in memory: those not parsed yet, and those of the unfinished message."""
        return self.waiting + (0 if self._message is None else len(self._message))

    def stop(self) -> None:
        """Drop all bytes. Nothing is read afterwards."""
        self.ended = True
        self._buffer, self._at, self._left = b"", 0, 0
        self._message = self._decoder = None

    @property
    def waiting(self) -> int:
        """Return the received bytes from the first incomplete frame on."""
        return len(self._buffer) - self._at

    def next(self) -> tuple[int, bytes] | None:
        """Return the next message or control frame: its opcode and its payload. Texts are UTF-8.

        Returns:
            None if more bytes must arrive first, or nothing is read any more: see `violation` and `ended`.
        """
        buffer, at = self._buffer, self._at
        if at == len(buffer):
            self._buffer, self._at = b"", 0  # an idle connection keeps nothing
            return None
        # Nearly always: a whole text of up to 125 bytes, completely received. The same steps as below,
        # without intermediate state.
        if self._message is None and len(buffer) - at >= 6 and buffer[at] == FINAL | TEXT:
            size = buffer[at + 1] - 0x80
            start = at + 6
            end = start + size
            if 0 <= size < 126 and end <= len(buffer) and size <= self.limit:
                payload = self._mask(buffer[at + 2 : start], buffer[start:end])
                if payload.isascii() or self._is_text(payload):
                    self._at = end
                    return TEXT, payload
                return None
        return self._next()

    def _next(self) -> tuple[int, bytes] | None:
        while self.violation is None and not self.ended:
            if self._left:
                if self._at == len(self._buffer):
                    break
            else:
                control = self._head()
                if control is not None:
                    return control
                if self._key == b"":
                    break
            message = self._payload()
            if message is not None:
                return message
        self.unfinished = True
        return None

    def _fail(self, code: int, reason: str) -> None:
        self.violation = Violation(code, reason)
        self.unfinished = True
        self._buffer, self._at, self._left = b"", 0, 0
        self._message = self._decoder = None

    def _is_text(self, payload: bytes) -> bool:
        try:
            payload.decode()
        except UnicodeDecodeError:
            self._fail(_NOT_TEXT, "a text is not UTF-8")
            return False
        return True

    # -- one frame ---------------------------------------------------------------------------------

    def _head(self) -> tuple[int, bytes] | None:
        """Read the head of a frame; a control frame completely.

        Afterwards `_key` is empty if there was no complete head, or an invalid one.
        """
        self._key = b""
        buffer, at = self._buffer, self._at
        if len(buffer) - at < 2:
            return None
        first, size = buffer[at], buffer[at + 1] - 0x80
        opcode = first & 0x0F
        broken = self._broken(first, opcode, size)
        if broken:
            self._fail(_PROTOCOL_ERROR, broken)
            return None
        at += 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) - at < width:
                return None
            size = int.from_bytes(buffer[at : at + width], "big")
            if size >> 63 or size < (126 if width == 2 else 0x10000):
                self._fail(_PROTOCOL_ERROR, "a length is not written in the shortest way")
                return None
            at += width
        if opcode >= CLOSE:
            return self._control(opcode, at, size)
        if (self._wire if opcode == CONTINUATION else 0) + size > self.limit:
            self._fail(_TOO_LARGE, "message too big")
            return None
        if len(buffer) - at < 4:
            return None
        self._key = buffer[at : at + 4]
        self._at = at + 4
        self._left, self._final = size, bool(first & FINAL)
        if opcode == CONTINUATION:
            self._fragments += 1
        else:
            self._opcode, self._compressed = opcode, bool(first & COMPRESSED)
            self._wire, self._fragments = 0, 1
        return None

    def _broken(self, first: int, opcode: int, size: int) -> str:
        """Return the rule that the first two bytes of a frame break, if any."""
        reserved = first & 0x70
        if reserved == COMPRESSED and self._inflater is not None and opcode in (TEXT, BINARY):
            reserved = 0
        if reserved:
            return "a reserved bit is set"
        if opcode not in _KINDS:
            return "an opcode is unknown"
        if size < 0:
            return "a frame is not masked"
        if opcode >= CLOSE:
            if not first & FINAL:
                return "a control frame is fragmented"
            if size > MOST_CONTROL_BYTES:
                return "a control frame is too long"
        elif opcode == CONTINUATION:
            if self._message is None:
                return "there is nothing to continue"
        elif self._message is not None:
            return "a message begins inside of another"
        return ""

    def _control(self, opcode: int, at: int, size: int) -> tuple[int, bytes] | None:
        buffer, start = self._buffer, at + 4
        if len(buffer) < start + size:
            return None
        payload = self._mask(buffer[at:start], buffer[start : start + size])
        self._at = start + size
        if opcode != CLOSE:
            return opcode, payload
        if len(payload) == 1 or (payload and int.from_bytes(payload[:2], "big") not in CLOSE_CODES):
            self._fail(_PROTOCOL_ERROR, "a close frame has no valid code")
            return None
        if not self._is_text(payload[2:]):
            return None
        self.ended = True
        self._buffer, self._at, self._message, self._decoder = b"", 0, None, None
        return opcode, payload

    # -- payload -----------------------------------------------------------------------------------

    def _payload(self) -> tuple[int, bytes] | None:
        """Read the available part of the frame's payload; return the message, if it is complete."""
        buffer, at, left = self._buffer, self._at, self._left
        end = min(at + left, len(buffer))
        part = self._mask(self._key, buffer[at:end])
        self._at = end
        self._left = left = left - len(part)
        self._wire += len(part)
        last = self._final and not left
        if left:
            turn = len(part) % 4
            self._key = self._key[turn:] + self._key[:turn]
        elif self._fragments > _FRAGMENTS and self._wire < self._fragments * _LEAST_FRAGMENT:
            self._fail(_POLICY, "a message of too many small fragments")
            return None
        if self._compressed:
            inflated = self._inflated(part, last=last)
            if inflated is None:
                return None
            part = inflated
        if last and self._message is None:
            # Whole, in one piece: no need to concatenate.
            if self._opcode == TEXT and not part.isascii() and not self._is_text(part):
                return None
            return self._opcode, part
        return self._gather(part, last=last)

    def _inflated(self, part: bytes, *, last: bool) -> bytes | None:
        room = self.limit - (0 if self._message is None else len(self._message))
        try:
            inflated = self._inflater.piece(part, room, last=last)  # type: ignore[union-attr]
        except zlib.error:
            self._fail(_NOT_TEXT, "a message cannot be decompressed")
            return None
        if inflated is None:
            self._fail(_TOO_LARGE, "message too big after decompression")
        return inflated

    def _gather(self, part: bytes, *, last: bool) -> tuple[int, bytes] | None:
        message = self._message
        if message is None:
            message = self._message = bytearray()
            self._decoder = _utf8() if self._opcode == TEXT else None
        if self._decoder is not None:
            try:
                self._decoder.decode(part, last)
            except UnicodeDecodeError:
                self._fail(_NOT_TEXT, "a text is not UTF-8")
                return None
        message += part
        if not last:
            return None
        self._message = self._decoder = None
        return self._opcode, bytes(message)
