"""Follow the answers in the bytes that a server sends, as a client reads them (RFC 9112 §2.2, §4, §6.3)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

__all__ = ["START", "AnswerPart", "Position", "find_status", "follow"]

_LONGEST_HEAD = 64 * 1024
_LONGEST_VERSION = 64
"""Bytes in which a status must begin. Clients accept longer versions; servers send none."""

# Chromium skips up to four bytes before a status line, other clients skip line ends.
_VERSION = re.compile(rb"\s*+[\s\S]{0,4}?HTTP/", re.IGNORECASE)
_STATUS = re.compile(
    _VERSION.pattern + rb"\S*[\x00-\x09\x0b\x0c\x0e-\x20]+(\S{1,3})", re.IGNORECASE
)
_CODE = re.compile(rb"(?!101)[1-9](?:[0-9][0-9]?)?")
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*+([0-9]{1,18})[ \t]*+\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding:[^\n]*chunked", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[^\n]*\n")
_NO_TRAILER = re.compile(rb"\r?\n")


class AnswerPart(Enum):
    """The part of an answer that the next byte belongs to."""

    HEAD = auto()
    BODY = auto()
    CHUNK = auto()
    """A chunk of a body, or the line with its size."""
    TRAILER = auto()
    """The lines after the last chunk."""
    REST = auto()
    """A body that ends with the connection, or a protocol that is not HTTP."""


class Position(NamedTuple):
    """A position in the bytes of a connection.

    Attributes:
        part: The part of an answer.
        left: Bytes of the body, or of the chunk, that are still to come.
        kept: The beginning of a head or a line that is not complete.
    """

    part: AnswerPart
    left: int = 0
    kept: bytes = b""


START = Position(AnswerPart.HEAD)
_REST = Position(AnswerPart.REST)


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
    place = 0
    while place < len(data) and at.part is not AnswerPart.REST:
        if at.left:
            step = min(at.left, len(data) - place)
            place += step
            over = at.part is AnswerPart.BODY and step == at.left
            at = START if over else at._replace(left=at.left - step)
            continue
        text = at.kept + bytes(data[place : place + _LONGEST_HEAD])
        match at.part:
            case AnswerPart.HEAD:
                read = _read_head(text, to_head=to_head)
                if read is None:
                    return None
            case AnswerPart.CHUNK:
                read = _read_size(text)
            case _:
                read = _read_trailer(text)
        if not read[1]:
            return read[0]
        place += read[1] - len(at.kept)
        at = read[0]
    return at


_Read = tuple[Position, int]
"""The position after a head or a line, and the bytes of it; 0 if it is not complete."""


def _read_head(text: bytes, *, to_head: bool) -> _Read | None:
    status = _STATUS.match(text)
    if status is None:
        text = text.lstrip()
        if len(text) < _LONGEST_VERSION:
            return Position(AnswerPart.HEAD, kept=text), 0
        return None if _VERSION.match(text) else (_REST, len(text))
    code, complete = status[1], len(status[1]) == 3
    if not _CODE.fullmatch(code) or not (complete or status.end() == len(text)):
        return None
    end = _END.search(text, status.end())
    interim = code.startswith(b"1")
    if end is None:
        if len(text) < _LONGEST_HEAD:
            return Position(AnswerPart.HEAD, kept=text), 0
        return None if interim else (_REST, len(text))
    used = end.end()
    if interim or to_head or code in (b"204", b"304"):
        return START, used
    if _CHUNKED.search(text, 0, used):
        return Position(AnswerPart.CHUNK), used
    length = _LENGTH.search(text, 0, used)
    if length is None:
        return _REST, used
    size = int(length[1])
    return (Position(AnswerPart.BODY, size) if size else START), used


def _read_size(text: bytes) -> _Read:
    line = _SIZE.match(text)
    if line is None:
        if b"\n" in text or len(text) > _LONGEST_VERSION:
            return _REST, len(text)
        return Position(AnswerPart.CHUNK, kept=text), 0
    size = int(line[1], 16)
    return (
        Position(AnswerPart.CHUNK, size + 2) if size else Position(AnswerPart.TRAILER)
    ), line.end()


def _read_trailer(text: bytes) -> _Read:
    end = _NO_TRAILER.match(text) or _END.search(text)
    if end is None:
        return Position(AnswerPart.TRAILER, kept=text[-_LONGEST_HEAD:]), 0
    return START, end.end()
