"""The cases of chapter 9: large messages, many fragments, small writes, and many messages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.conformance.case import Case, Exchange, echo
from tests.tornado.wire import BINARY, TEXT

__all__ = ["sized_cases", "sized_exchanges"]

_MIB = 2**20


def sized_cases() -> Iterator[Case]:
    """Yield the cases 9.1 to 9.6: one message each."""
    for part, opcode, byte in ((1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0")):
        for at, size in enumerate((2**16, 2**18, _MIB, 4 * _MIB, 8 * _MIB, 16 * _MIB), 1):
            payload = (byte * (size // len(byte) + 1))[:size]
            yield echo(f"9.{part}.{at}", opcode, payload)
        for at in range(9):
            payload = (b"*", b"\xfe")[part - 1] * 4 * _MIB
            yield echo(
                f"9.{part + 2}.{at + 1}", opcode, payload, fragment=min(64 * 4**at, 4 * _MIB)
            )
        for at in range(6):
            payload = (byte * (_MIB // len(byte) + 1))[:_MIB]
            yield echo(f"9.{part + 4}.{at + 1}", opcode, payload, chop=64 << at)


def sized_exchanges() -> Iterator[Exchange]:
    """Yield the cases 9.7 and 9.8: many messages of one size, one after the other."""
    for part, binary, byte in ((7, False, b"*"), (8, True, b"\xfe")):
        for at, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            payload = partial(_same, byte * size)
            yield Exchange(number=f"9.{part}.{at}", payload=payload, binary=binary)


def _same(payload: bytes, _: int) -> bytes:
    return payload
