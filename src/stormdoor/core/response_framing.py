"""Follow the answers in the bytes that a server sends, as a client reads them (RFC 9112 §2.2, §4, §6.3)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["BODY", "CHUNK", "HEAD", "REST", "START", "TRAILER", "Position", "find_status", "follow"]

HEAD: Final = 0
BODY: Final = 1
CHUNK: Final = 2
"""A chunk of a body, or the line with its size."""
TRAILER: Final = 3
"""The lines after the last chunk."""
REST: Final = 4
"""A body that ends with the connection, or a protocol that is not HTTP."""

Position = tuple[int, int, bytes]
"""A position in the bytes of a connection: the part of an answer (a number above), the bytes of the body or
chunk that are still to come, and the beginning of a head or a line that is not complete."""

START: Final[Position] = (HEAD, 0, b"")
_REST: Final[Position] = (REST, 0, b"")

_LONGEST_HEAD = 64 * 1024
_LONGEST_VERSION = 64
"""Bytes in which a status must begin. Clients accept longer versions; servers send none."""

# Chromium skips up to four bytes before a status line, other clients skip line ends.
_VERSION = re.compile(rb"\s*+[\s\S]{0,4}?HTTP/", re.IGNORECASE)
_STATUS = re.compile(
    _VERSION.pattern + rb"\S*[\x00-\x09\x0b\x0c\x0e-\x20]+(\S{1,3})", re.IGNORECASE
)
_CODE = re.compile(rb"(?!101)[1-9](?:[0-9][0-9]?)?")
_LENGTH = re.compile(rb"\n(?i:content-length):[ \t]*+([0-9]{1,18})[ \t]*+\r?\n")
_CHUNKED = re.compile(rb"\n(?i:transfer-encoding):[^\n]*(?i:chunked)")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[^\n]*\n")
_NO_TRAILER = re.compile(rb"\r?\n")


def find_status(text: bytes) -> int | None:
    """Return the status of the answer that begins with `text`; None if it has none yet."""
    status = _STATUS.match(text)
    return int(status[1]) if status and len(status[1]) == 3 and status[1].isdigit() else None


def follow(at: Position, data: bytes | memoryview, *, to_head: bool = False) -> Position | None:
    """Return the position after `data`; None if a client could read a status 101 in it.

    A status that is no number of three digits counts as 101, since clients read such numbers differently.
    No division of the bytes hides a status: the part of a head that was sent is kept.

    Args:
        at: The position before `data`.
        data: Bytes that the server is about to send.
        to_head: Whether they answer a HEAD, so that no body follows a head.
    """
    place, size = 0, len(data)
    while place < size:
        part, left, kept = at
        if part == REST:
            break
        if left:
            step = min(left, size - place)
            place += step
            at = START if part == BODY and step == left else (part, left - step, b"")
            continue
        text = kept + bytes(data[place : place + _LONGEST_HEAD])
        if part == HEAD:
            read = _read_head(text, to_head)
            if read is None:
                return None
        else:
            read = _read_size(text) if part == CHUNK else _read_trailer(text)
        at, used = read
        if not used:
            break
        place += used - len(kept)
    return at


_Read = tuple[Position, int]
"""The position after a head or a line, and the bytes of it; 0 if it is not complete."""


def _read_head(text: bytes, to_head: bool) -> _Read | None:  # noqa: FBT001 - an argument of `follow`
    status = _STATUS.match(text)
    if status is None:
        text = text.lstrip()
        if len(text) < _LONGEST_VERSION:
            return (HEAD, 0, text), 0
        return None if _VERSION.match(text) else (_REST, len(text))
    code = status[1]
    if code != b"200" and not (
        _CODE.fullmatch(code) and (len(code) == 3 or status.end() == len(text))
    ):
        return None
    interim = code.startswith(b"1")
    used = _end_of_head(text, status.end())
    if not used:
        if len(text) < _LONGEST_HEAD:
            return (HEAD, 0, text), 0
        return None if interim else (_REST, len(text))
    if interim or to_head or code in (b"204", b"304"):
        return START, used
    if _CHUNKED.search(text, 0, used):
        return (CHUNK, 0, b""), used
    length = _LENGTH.search(text, 0, used)
    if length is None:
        return _REST, used
    size = int(length[1])
    return ((BODY, size, b"") if size else START), used


def _end_of_head(text: bytes, start: int) -> int:
    """Return the place behind the empty line that ends a head or a trailer; 0 if there is none."""
    usual, bare = text.find(b"\n\r\n", start), text.find(b"\n\n", start)
    if usual < 0 or 0 <= bare < usual:
        return bare + 2 if bare >= 0 else 0
    return usual + 3


def _read_size(text: bytes) -> _Read:
    line = _SIZE.match(text)
    if line is None:
        if b"\n" in text or len(text) > _LONGEST_VERSION:
            return _REST, len(text)
        return (CHUNK, 0, text), 0
    size = int(line[1], 16)
    return ((CHUNK, size + 2, b"") if size else (TRAILER, 0, b"")), line.end()


def _read_trailer(text: bytes) -> _Read:
    none = _NO_TRAILER.match(text)
    used = none.end() if none else _end_of_head(text, 0)
    return (START, used) if used else ((TRAILER, 0, text[-_LONGEST_HEAD:]), 0)
