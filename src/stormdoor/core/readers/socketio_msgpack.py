"""Messages of Socket.IO 5 on Engine.IO 4, with packets in MessagePack (`serializer="msgpack"`).

A packet is one binary message: a map with `type`, `nsp` (the namespace), `data` and `id`. Binary data is
inside. In polling it is in Base64.
"""

from __future__ import annotations

import binascii

import msgspec

from stormdoor.core.readers.reader import TypeReader, Unreadable
from stormdoor.core.readers.socketio import (
    OF_TRANSPORT,
    SEPARATOR,
    general_type,
    type_of_packet,
)
from stormdoor.core.readers.strict_json import text_of

__all__ = ["SocketIoMsgpackReader"]

_MAP, _MAP16, _MAP32 = 0x80, 0xDE, 0xDF
_KINDS = frozenset(range(4))
"""Connect, disconnect, event, acknowledgement. Those with attachments (5, 6) do not exist here."""


class SocketIoMsgpackReader(TypeReader):
    """Reads the names of events, as `SocketIoReader` does."""

    def read(self, message: str | bytes) -> tuple[str, ...]:
        """See `TypeReader`."""
        if isinstance(message, bytes):
            return _types(message)
        if message.startswith("b"):
            try:
                return _types(binascii.a2b_base64(message[1:], strict_mode=True))
            except ValueError:
                raise Unreadable("not Base64") from None
        if message[:1] in OF_TRANSPORT:
            return ()
        raise Unreadable("a packet that is not in MessagePack")

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`. JSONP is unreadable."""
        return tuple(name for one in text_of(body).split(SEPARATOR) for name in self.read(one))

    def general(self, type: str) -> str:
        """See `TypeReader`."""
        return general_type(type)


def _types(packet: bytes) -> tuple[str, ...]:
    try:
        found = msgspec.msgpack.decode(packet)
    except (msgspec.DecodeError, RecursionError, TypeError, ValueError) as error:
        raise Unreadable(f"not MessagePack: {type(error).__name__}") from None
    # Parsers differ in which of two entries with the same name counts.
    if not isinstance(found, dict) or len(found) != _entries(packet):
        raise Unreadable("not a map with names that come once")
    kind, namespace = found.get("type"), found.get("nsp")
    # A server compares numbers: 2.0 would be an event, and True the end of a connection.
    if type(kind) is not int or kind not in _KINDS:
        raise Unreadable("not a packet of a client")
    if (
        not isinstance(namespace, str)
        or not namespace.startswith("/")
        or not {",", "?"}.isdisjoint(namespace)
    ):
        raise Unreadable("not a namespace")
    return type_of_packet(str(kind), namespace, found.get("data"))


def _entries(packet: bytes) -> int:
    """Return the number of entries of the map that a valid packet consists of."""
    if packet[0] == _MAP16:
        return int.from_bytes(packet[1:3], "big")
    if packet[0] == _MAP32:
        return int.from_bytes(packet[1:5], "big")
    return packet[0] - _MAP
