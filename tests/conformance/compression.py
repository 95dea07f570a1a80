"""The cases of chapters 12 and 13: permessage-deflate with several kinds of data, and with several offers.

The sizes, the fragments and the offers are the published ones. The data are our own.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from functools import cache, partial

from tests.conformance.case import Exchange

__all__ = ["Client", "compressed_exchanges"]

_EXTENSION = "permessage-deflate"
_KIB = 1024
_SIZES = (
    *((size, 0) for size in (16, 64, 256, _KIB, *(_KIB * 2**power for power in range(2, 8)))),
    *((_KIB * 2**power, 256) for power in range(3, 8)),
    *((131_072, fragment) for fragment in (1024, 4096, 32_768)),
)
"""Bytes, or characters, of a message, and the largest payload of one frame."""
_DEFAULT = f"{_EXTENSION}; client_no_context_takeover; client_max_window_bits"
_OFFERS = (
    _DEFAULT,
    f"{_DEFAULT}; server_no_context_takeover",
    f"{_DEFAULT}; server_max_window_bits=9",
    f"{_DEFAULT}; server_max_window_bits=15",
    f"{_DEFAULT}; server_no_context_takeover; server_max_window_bits=9",
    f"{_DEFAULT}; server_no_context_takeover; server_max_window_bits=15",
    ", ".join(
        (
            f"{_DEFAULT}; server_no_context_takeover; server_max_window_bits=9",
            f"{_DEFAULT}; server_no_context_takeover",
            _DEFAULT,
        )
    ),
)


@cache
def _json() -> str:
    source = random.Random(1)
    return ",".join(
        f'{{"id":{at},"name":"Größe {source.randrange(500)}","value":{source.random()}}}'
        for at in range(4000)
    )


@cache
def _page() -> str:
    source = random.Random(2)
    row = '<tr class="row"><td>{}</td><td>{:.2f} €</td></tr>\n'
    return "".join(row.format(source.randrange(10**6), source.random()) for _ in range(5000))


@cache
def _picture() -> bytes:
    source = random.Random(3)
    return bytes((x * y // 512 + source.randrange(8)) % 256 for x in range(512) for y in range(512))


@cache
def _prose() -> bytes:
    source = random.Random(4)
    words = ["".join(source.choices("aeinrstmlk", k=source.randrange(2, 9))) for _ in range(900)]
    return " ".join(source.choices(words, k=40_000)).encode()


@cache
def _incompressible() -> bytes:
    return random.Random(5).randbytes(2**20)


_DATA = (_json, _picture, _prose, _page, _incompressible)


def _part(kind: int, size: int, index: int) -> bytes:
    """Return the message of this index: the part of the data that follows the message before."""
    data = _DATA[kind]()
    at = index * size % (len(data) - size)
    part = data[at : at + size]
    return part.encode() if isinstance(part, str) else part


def compressed_exchanges() -> Iterator[Exchange]:
    """Yield the cases of both chapters."""
    rows = [(f"12.{kind + 1}", kind, _DEFAULT) for kind in range(len(_DATA))]
    rows += [(f"13.{at}", 0, offer) for at, offer in enumerate(_OFFERS, 1)]
    for section, kind, offer in rows:
        for at, (size, fragment) in enumerate(_SIZES, 1):
            yield Exchange(
                number=f"{section}.{at}",
                payload=partial(_part, kind, size),
                binary=isinstance(_DATA[kind](), bytes),
                offer=offer,
                fragment=fragment,
            )


class Client:
    """The client's side of permessage-deflate (RFC 7692), with the parameters of the server's answer.

    Args:
        answer: Value of `Sec-WebSocket-Extensions` in the 101.
        offer: Value that the client has sent.

    Raises:
        AssertionError: The server has accepted none of the offers, or not as offered.
    """

    def __init__(self, answer: str | None, offer: str) -> None:
        assert answer is not None, "no compression was negotiated"
        name, *parameters = (one.strip() for one in answer.split(";"))
        self._agreed = dict((one.partition("=")[::2]) for one in parameters)
        offered = {key.strip() for key in offer.replace(",", ";").replace("=", ";").split(";")}
        assert name == _EXTENSION, answer
        assert self._agreed.keys() <= offered, answer
        wanted = offer.partition(",")[0]
        for asked in ("server_no_context_takeover", "server_max_window_bits"):
            assert (asked in wanted) == (asked in self._agreed), answer
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None

    def deflate(self, data: bytes) -> bytes:
        """Return the compressed message."""
        stream = self._deflater
        if stream is None or "client_no_context_takeover" in self._agreed:
            bits = int(self._agreed.get("client_max_window_bits") or 15)
            stream = self._deflater = zlib.compressobj(wbits=-bits)
        return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def inflate(self, data: bytes) -> bytes:
        """Return the decompressed message; with a window no larger than the agreed one."""
        stream = self._inflater
        if stream is None or "server_no_context_takeover" in self._agreed:
            bits = int(self._agreed.get("server_max_window_bits") or 15)
            stream = self._inflater = zlib.decompressobj(wbits=-bits)
        return stream.decompress(data + b"\x00\x00\xff\xff")
