"""Texts of chapter 6 from section 6.5 on: some are UTF-8 by RFC 3629, others are not."""

from __future__ import annotations

from itertools import product

__all__ = ["GREEK", "LISTS"]

GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
_ENDS = frozenset([2, 5, 7, 9, 11])
"""The lengths at which a character of GREEK ends."""

_CUT = (
    *(b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80"),
    *(b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"),
)
"""Sequences of 2 to 6 bytes without their last one."""


def _texts(valid: bool, *texts: bytes) -> tuple[tuple[bytes, bool], ...]:
    return tuple((text, valid) for text in texts)


def _lone_starts() -> tuple[bytes, ...]:
    ranges = ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))
    return tuple(
        b"".join(bytes((start, 0x20)) for start in range(low, high + 1)) for low, high in ranges
    )


_HIGH = (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
_LOW = (b"\xed\xb0\x80", b"\xed\xbf\xbf")
_SPECIALS = tuple(b"\xef\xbf" + bytes((last,)) for last in range(0xB9, 0xC0))

LISTS: tuple[tuple[str, tuple[tuple[bytes, bool], ...]], ...] = (
    (
        "valid texts with characters of 1 to 4 bytes",
        _texts(True, *(f"hello{one}world".encode() for one in "$¢€\U00024b62"), GREEK),
    ),
    (
        "all beginnings of a valid text",
        tuple((GREEK[:size], size in _ENDS) for size in range(1, len(GREEK) + 1)),
    ),
    (
        "first sequence of 1 to 4 bytes",
        _texts(True, b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"),
    ),
    (
        "first sequence of 5 and 6 bytes",
        _texts(False, b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"),
    ),
    (
        "last sequence of 1 to 4 bytes",
        _texts(True, b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"),
    ),
    (
        "last sequence of 4 to 6 bytes",
        _texts(False, b"\xf7\xbf\xbf\xbf", b"\xfb" + b"\xbf" * 4, b"\xfd" + b"\xbf" * 5),
    ),
    (
        "characters at boundaries",
        (
            *_texts(True, b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"),
            *_texts(False, b"\xf4\x90\x80\x80"),
        ),
    ),
    (
        "continuation bytes without a start",
        _texts(
            False,
            *(b"\x80", b"\xbf"),
            *((b"\x80\xbf" * 3)[:size] for size in range(2, 7)),
            bytes(range(0x80, 0xC0)),
        ),
    ),
    ("starts without a continuation byte", _texts(False, *_lone_starts())),
    ("sequences without their last byte", _texts(False, *_CUT)),
    ("incomplete sequences, one after the other", _texts(False, b"".join(_CUT))),
    ("bytes that UTF-8 never has", _texts(False, b"\xfe", b"\xff", b"\xfe\xfe\xff\xff")),
    (
        "a slash in too many bytes",
        _texts(
            False,
            *(b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf"),
            *(b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"),
        ),
    ),
    (
        "the last characters in too many bytes",
        _texts(
            False,
            *(b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"),
            *(b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"),
        ),
    ),
    (
        "NUL in too many bytes",
        _texts(
            False,
            *(
                bytes((start,)) + b"\x80" * size
                for start, size in zip((0xC0, 0xE0, 0xF0, 0xF8, 0xFC), range(1, 6), strict=True)
            ),
        ),
    ),
    (
        "single surrogates",
        _texts(False, *_HIGH, b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"),
    ),
    ("paired surrogates", _texts(False, *(b"".join(pair) for pair in product(_HIGH, _LOW)))),
    (
        "non-characters, which are valid",
        _texts(
            True,
            *(b"\xef\xbf\xbe", b"\xef\xbf\xbf"),
            *(
                chr(plane << 16 | low).encode()
                for plane in range(1, 17)
                for low in (0xFFFE, 0xFFFF)
            ),
        ),
    ),
    ("special characters, such as the replacement character", _texts(True, *_SPECIALS)),
)
