"""Messages of Socket.IO 5 on Engine.IO 4, with the default encoding of packets.

The type of an event is its name; in a namespace, `/namespace,name`. An acknowledgement is `<ack>`, and the
connection to a namespace other than `/` is `/namespace,<connect>`, or `<connect>` for those that are not
declared. Packets of Engine.IO itself have no type.
"""

from __future__ import annotations

import re

from stormdoor.core.readers.reader import TypeReader, Types, Unreadable
from stormdoor.core.readers.strict_json import parse, text_of

__all__ = ["OF_TRANSPORT", "SEPARATOR", "SocketIoReader", "general_type", "type_of_packet"]

SEPARATOR = "\x1e"
"""Between the packets in the body of a poll."""
_MESSAGE, _BASE64 = "4", "b"
OF_TRANSPORT = frozenset("12356")
"""Close, ping, pong, upgrade, noop. A client sends no `open` (0)."""
_CONNECT, _DISCONNECT, _ACK, _BINARY_EVENT, _BINARY_ACK = "0", "1", "3", "5", "6"
# ASCII digits only: `int()` and `str.isdigit()` of a server accept others too.
_HEAD = re.compile(
    r"(?P<kind>[012356])(?:(?P<count>[0-9]{1,9})-)?(?:(?P<namespace>/[^,]*)(?:,|\Z))?[0-9]{0,20}"
)


def general_type(type: str) -> str:
    """Return `<connect>` for the connection to any namespace; each other type as it is."""
    return "<connect>" if type.startswith("/") and type.endswith(",<connect>") else type


def type_of_packet(kind: str, namespace: str, data: object) -> tuple[str, ...]:
    """Return the type of a packet: none for those that need no permission.

    Args:
        kind: The digit of its kind.
        namespace: The namespace, which begins with `/`.
        data: The array of an event or acknowledgement.

    Raises:
        Unreadable: It is an event without a name, or no packet of a client.
    """
    prefix = "" if namespace == "/" else f"{namespace},"
    if kind == _DISCONNECT:
        return ()
    if kind == _CONNECT:
        return (f"{prefix}<connect>",) if prefix else ()
    if not isinstance(data, list):
        raise Unreadable("a packet without an array")
    if kind in {_ACK, _BINARY_ACK}:
        return (f"{prefix}<ack>",)
    name = data[0] if data else None
    if not isinstance(name, str) or name.startswith(("<", "/")):
        raise Unreadable("an event without a name")
    return (prefix + name,)


class SocketIoReader(TypeReader):
    """Reads the names of events. The binary attachments of an event continue it."""

    def __init__(self) -> None:
        self._attachments = 0
        """Binary messages that the present event still has."""

    def read(self, message: str | bytes) -> Types:
        """See `TypeReader`."""
        if isinstance(message, bytes) or message.startswith(_BASE64):
            if not self._attachments:
                raise Unreadable("a binary message that belongs to no event")
            self._attachments -= 1
            return None
        if message[:1] in OF_TRANSPORT:
            return ()
        if not message.startswith(_MESSAGE):
            raise Unreadable("an unknown packet")
        if self._attachments:
            # A server would take it for an attachment.
            raise Unreadable("a text in place of an attachment")
        return self._read_packet(message[1:])

    def read_body(self, body: bytes) -> tuple[str, ...]:
        """See `TypeReader`. Attachments must come in the body of their event; JSONP is unreadable."""
        # Requests may be handled at the same time, so that nothing is known of their order.
        alone = SocketIoReader()
        found = [alone.read(one) for one in text_of(body).split(SEPARATOR)]
        if alone._attachments:
            raise Unreadable("attachments are missing")
        return tuple(name for types in found for name in types or ())

    def general(self, type: str) -> str:
        """See `TypeReader`."""
        return general_type(type)

    def _read_packet(self, packet: str) -> tuple[str, ...]:
        head = _HEAD.match(packet)
        if head is None:
            raise Unreadable("not a packet of Socket.IO")
        kind, count, data = head["kind"], int(head["count"] or 0), packet[head.end() :]
        if (count > 0) != (kind in {_BINARY_EVENT, _BINARY_ACK}) or (count == 0 and head["count"]):
            raise Unreadable("a wrong number of attachments")
        namespace = (head["namespace"] or "/").partition("?")[0]
        if kind in {_CONNECT, _DISCONNECT}:
            return type_of_packet(kind, namespace, None)
        if not data.startswith("["):
            raise Unreadable("a packet without an array")
        types = type_of_packet(kind, namespace, parse(data))
        self._attachments = count
        return types
