"""The cases of chapters 1 to 7, 9 and 10, with the published numbers. Frames and expectations are our own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.conformance.case import (
    FAILED_1002,
    FAILED_1007,
    Case,
    Event,
    Exchange,
    Open,
    Pause,
    echo,
    fragments,
    sent,
)
from tests.conformance.compression import compressed_exchanges
from tests.conformance.sizes import sized_cases, sized_exchanges
from tests.conformance.utf8 import GREEK, LISTS
from tests.tornado.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame_bytes

__all__ = ["CASES"]

_HELLO = b"Hello, world!"
_ANY = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
_MIXED = "Hello-µ@ßöäüàá-UTF-8!!".encode()
_SIZES = (0, 125, 126, 127, 128, 65_535, 65_536)


def _frames(
    *frames: tuple[int, bytes] | tuple[int, bytes, bool], rsv: int = 0
) -> tuple[bytes, ...]:
    """Return frames of an opcode, a payload and whether they are final, which they are by default."""
    return tuple(
        frame_bytes(opcode, payload, final=not rest or rest[0], rsv=rsv)
        for opcode, payload, *rest in frames
    )


def _close(code: int, reason: bytes = b"") -> bytes:
    return frame_bytes(CLOSE, struct.pack(">H", code) + reason)


def _written(by: str, *frames: bytes) -> tuple[bytes, ...]:
    """Return the writes of frames: `together`, or `apart`, or by the `octet`, which needs a chop."""
    return frames if by == "apart" else (b"".join(frames),)


def _framing() -> Iterator[Case]:
    for part, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for at, size in enumerate(_SIZES, 1):
            yield echo(f"1.{part}.{at}", opcode, byte * size)
        yield echo(f"1.{part}.8", opcode, byte * 65_536, chop=997)


def _pings() -> Iterator[Case]:
    for number, payload in enumerate((b"", _HELLO, _ANY, b"\xfe" * 125), 1):
        yield Case(
            number=f"2.{number}", steps=_frames((PING, payload)), events=(("pong", payload),)
        )
    yield Case(number="2.5", steps=_frames((PING, b"\xfe" * 126)), closing=FAILED_1002)
    yield Case(
        number="2.6",
        steps=_frames((PING, b"\xfe" * 125)),
        events=(("pong", b"\xfe" * 125),),
        chop=1,
    )
    for number, payload in ((7, b""), (8, b"unsolicited")):
        yield Case(
            number=f"2.{number}",
            steps=(*_frames((PONG, payload)), _close(1000)),
            closing=sent(1000),
        )
    yield Case(
        number="2.9",
        steps=_frames((PONG, b"unsolicited"), (PING, b"ping")),
        events=(("pong", b"ping"),),
    )
    ten = tuple(b"payload-%d" % number for number in range(10))
    for number, chop in ((10, 0), (11, 1)):
        yield Case(
            number=f"2.{number}",
            steps=_frames(*((PING, one) for one in ten)),
            events=tuple(("pong", one) for one in ten),
            chop=chop,
        )


def _after_a_message(number: str, bad: bytes, by: str) -> Case:
    """Return a case in which a good message comes before `bad`, and a ping after it."""
    good, ping = _frames((TEXT, _HELLO), (PING, b""))
    return Case(
        number=number,
        steps=_written(by, good, bad, ping),
        chop=int(by == "octet"),
        events=(("text", _HELLO),),
        tolerated=(),
        closing=FAILED_1002,
    )


def _reserved_bits() -> Iterator[Case]:
    def bad(bits: int, opcode: int = TEXT, payload: bytes = _HELLO) -> bytes:
        return frame_bytes(opcode, payload, rsv=bits << 4)

    yield Case(number="3.1", steps=(bad(1),), closing=FAILED_1002)
    yield _after_a_message("3.2", bad(2), "together")
    yield _after_a_message("3.3", bad(3), "apart")
    yield _after_a_message("3.4", bad(4), "octet")
    yield Case(number="3.5", steps=(bad(5, BINARY, _ANY),), closing=FAILED_1002)
    yield Case(number="3.6", steps=(bad(6, PING),), closing=FAILED_1002)
    yield Case(number="3.7", steps=(bad(7, CLOSE, b""),), closing=FAILED_1002)


def _opcodes() -> Iterator[Case]:
    for part, first in ((1, 3), (2, 11)):
        yield Case(number=f"4.{part}.1", steps=(frame_bytes(first),), closing=FAILED_1002)
        yield Case(
            number=f"4.{part}.2", steps=(frame_bytes(first + 1, _HELLO),), closing=FAILED_1002
        )
        for at, payload, by in (
            (3, b"", "together"),
            (4, _HELLO, "together"),
            (5, _HELLO, "octet"),
        ):
            yield _after_a_message(f"4.{part}.{at}", frame_bytes(first + at - 1, payload), by)


_WAYS = ("together", "apart", "octet")


def _fragmentation() -> Iterator[Case]:
    one, two = b"fragment1", b"fragment2"
    for number, opcode in ((1, PING), (2, PONG)):
        yield Case(
            number=f"5.{number}",
            steps=_frames((opcode, one, False), (CONTINUATION, two)),
            closing=FAILED_1002,
        )
    split = _frames((TEXT, one, False), (CONTINUATION, two))
    ping = frame_bytes(PING, b"ping")
    for at, by in enumerate(_WAYS):
        echo: Event = ("text", one + two)
        yield Case(
            number=f"5.{3 + at}",
            steps=_written(by, *split),
            chop=int(by == "octet"),
            events=(echo,),
        )
        yield Case(
            number=f"5.{6 + at}",
            steps=_written(by, split[0], ping, split[1]),
            chop=int(by == "octet"),
            events=(("pong", b"ping"), echo),
        )
    for first, final in ((9, True), (12, False)):
        frames = _frames((CONTINUATION, b"nothing to continue", final), (TEXT, _HELLO))
        for at, by in enumerate(_WAYS):
            yield Case(
                number=f"5.{first + at}",
                steps=_written(by, *frames),
                chop=int(by == "octet"),
                closing=FAILED_1002,
            )
    yield Case(
        number="5.15",
        steps=(b"".join((*split, *_frames((CONTINUATION, one, False), (TEXT, two)))),),
        events=(("text", one + two),),
        tolerated=(),
        closing=FAILED_1002,
    )
    for number, final in ((16, False), (17, True)):
        steps = _frames((CONTINUATION, one, final), (TEXT, one, False), (CONTINUATION, two))
        yield Case(number=f"5.{number}", steps=steps * 2, closing=FAILED_1002)
    yield Case(number="5.18", steps=_frames((TEXT, one, False), (TEXT, two)), closing=FAILED_1002)
    parts = [b"fragment%d" % at for at in range(1, 6)]
    begin = _frames((TEXT, parts[0], False), (CONTINUATION, parts[1], False), (PING, b"1"))
    end = _frames(
        *((CONTINUATION, part, False) for part in parts[2:4]),
        (PING, b"2"),
        (CONTINUATION, parts[4]),
    )
    for number, by in ((19, "together"), (20, "apart")):
        yield Case(
            number=f"5.{number}",
            steps=(*_written(by, *begin), Pause(), *_written(by, *end)),
            events=(("pong", b"1"), ("pong", b"2"), ("text", b"".join(parts))),
        )


def _utf8() -> Iterator[Case]:
    middle = b"middle frame"
    yield echo("6.1.1", TEXT, b"")
    for number, payload in ((2, b""), (3, middle)):
        steps = _frames((TEXT, b"", False), (CONTINUATION, payload, False), (CONTINUATION, b""))
        yield Case(number=f"6.1.{number}", steps=steps, events=(("text", payload),))
    yield echo("6.2.1", TEXT, _MIXED)
    half = len("Hello-µ@ßöä".encode())
    yield Case(
        number="6.2.2",
        steps=_frames((TEXT, _MIXED[:half], False), (CONTINUATION, _MIXED[half:])),
        events=(("text", _MIXED),),
    )
    yield echo("6.2.3", TEXT, _MIXED, fragment=1)
    yield echo("6.2.4", TEXT, GREEK, fragment=1)
    surrogate = GREEK + b"\xed\xa0\x80edited"
    for number, size in ((1, 0), (2, 1)):
        yield Case(number=f"6.3.{number}", steps=(fragments(surrogate, size),), closing=FAILED_1007)
    yield from _fail_fast()
    for section, (_, texts) in enumerate(LISTS, 5):
        for at, (text, valid) in enumerate(texts, 1):
            case = f"6.{section}.{at}"
            if valid:
                yield echo(case, TEXT, text)
            else:
                yield Case(number=case, steps=(frame_bytes(TEXT, text),), closing=FAILED_1007)


def _fail_fast() -> Iterator[Case]:
    """Yield texts that become invalid before they are complete: the server must not wait for the rest."""
    too_high = GREEK + b"\xf4\x90\x80\x80edited"
    for at, (first, second) in enumerate(((11, 15), (12, 13)), 1):
        parts = too_high[:first], too_high[first:second], too_high[second:]
        frames = _frames(
            (TEXT, parts[0], False), (CONTINUATION, parts[1], False), (CONTINUATION, parts[2])
        )
        whole = frame_bytes(TEXT, too_high)
        cuts = [len(whole) - len(too_high) + cut for cut in (first, second)]
        pieces = whole[: cuts[0]], whole[cuts[0] : cuts[1]], whole[cuts[1] :]
        for last, steps in ((at, frames), (at + 2, pieces)):
            yield Case(
                number=f"6.4.{last}",
                steps=(steps[0], Pause("A"), steps[1], Pause("B"), steps[2]),
                events=(Open("A"),),
                tolerated=(Open("A"), Open("B")),
                closing=FAILED_1007,
            )


def _closing() -> Iterator[Case]:
    text, ping = _frames((TEXT, _HELLO), (PING, b""))
    normal = _close(1000)
    yield Case(number="7.1.1", steps=(text,), events=(("text", _HELLO),))
    yield Case(number="7.1.2", steps=(normal, frame_bytes(CLOSE)), closing=sent(1000))
    yield Case(number="7.1.3", steps=(normal, ping), closing=sent(1000))
    yield Case(number="7.1.4", steps=(normal, text), closing=sent(1000))
    begin, end = _frames((TEXT, b"fragment1", False), (CONTINUATION, b"fragment2"))
    yield Case(number="7.1.5", steps=(begin, normal, end), closing=sent(1000))
    large = frame_bytes(TEXT, b"x" * 256 * 1024)
    yield Case(
        number="7.1.6", steps=(large, text, normal, ping), closing=sent(1000), informational=True
    )
    yield Case(number="7.3.1", steps=(frame_bytes(CLOSE),), closing=sent(1000))
    yield Case(number="7.3.2", steps=(frame_bytes(CLOSE, b"a"),), closing=sent(1002, clean=False))
    for number, reason in ((3, b""), (4, _HELLO), (5, b"*" * 123)):
        yield Case(number=f"7.3.{number}", steps=(_close(1000, reason),), closing=sent(1000))
    yield Case(number="7.3.6", steps=(_close(1000, b"*" * 124),), closing=sent(1002, clean=False))
    yield Case(
        number="7.5.1",
        steps=(_close(1000, GREEK + b"\xed\xa0\x80edited"),),
        closing=sent(1002, 1007, clean=False),
    )
    valid = (*range(1000, 1004), *range(1007, 1012), 3000, 3999, 4000, 4999)
    for at, code in enumerate(valid, 1):
        yield Case(number=f"7.7.{at}", steps=(_close(code),), closing=sent(1000, code))
    for at, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(number=f"7.9.{at}", steps=(_close(code),), closing=sent(1002, clean=False))
    for at, code in enumerate((5000, 65_535), 1):
        yield Case(
            number=f"7.13.{at}", steps=(_close(code),), closing=sent(1002), informational=True
        )


def _all() -> Iterator[Case | Exchange]:
    yield from _framing()
    yield from _pings()
    yield from _reserved_bits()
    yield from _opcodes()
    yield from _fragmentation()
    yield from _utf8()
    yield from _closing()
    yield from sized_cases()
    yield from sized_exchanges()
    yield echo("10.1.1", TEXT, b"*" * 65_536, fragment=1300)
    yield from compressed_exchanges()


CASES: tuple[Case | Exchange, ...] = tuple(_all())
