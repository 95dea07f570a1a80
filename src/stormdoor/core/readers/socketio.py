"""Messages of Socket.IO 5 on Engine.IO 4, with the default encoding of packets.

The type of an event is its name; in a namespace, `/namespace,name`. An acknowledgement is `<ack>`, and the
connection to a namespace other than `/` is `/namespace,<connect>`. Packets of Engine.IO itself have no type.
"""

from __future__ import annotations

import re

from stormdoor.core.readers.reader import TypeReader, Types, Unreadable
from stormdoor.core.readers.strict_json import parse, text_of

__all__ = ["SocketIoReader"]

_SEPARATOR = "\x1e"
_MESSAGE, _BASE64 = "4", "b"
_OF_TRANSPORT = frozenset("12356")
"""Close, ping, pong, upgrade, noop. A client sends no `open` (0)."""
_CONNECT, _DISCONNECT, _EVENT, _BINARY_EVENT, _BINARY_ACK = "0", "1", "2", "5", "6"
# ASCII digits only: `int()` and `str.isdigit()` of a server accept others too.
_HEAD = re.compile(
    r"(?P<kind>[012356])(?:(?P<count>[0-9]{1,9})-)?(?:(?P<namespace>/[^,]*)(?:,|\Z))?[0-9]{0,20}"
)


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
        if message[:1] in _OF_TRANSPORT:
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
        found = [alone.read(one) for one in text_of(body).split(_SEPARATOR)]
        if alone._attachments:
            raise Unreadable("attachments are missing")
        return tuple(name for types in found for name in types or ())

    def _read_packet(self, packet: str) -> tuple[str, ...]:
        head = _HEAD.match(packet)
        if head is None:
            raise Unreadable("not a packet of Socket.IO")
        kind, count, data = head["kind"], int(head["count"] or 0), packet[head.end() :]
        if (count > 0) != (kind in {_BINARY_EVENT, _BINARY_ACK}) or (count == 0 and head["count"]):
            raise Unreadable("a wrong number of attachments")
        namespace = (head["namespace"] or "/").partition("?")[0]
        prefix = "" if namespace == "/" else f"{namespace},"
        if kind == _DISCONNECT:
            return ()
        if kind == _CONNECT:
            return (f"{prefix}<connect>",) if prefix else ()
        if not data.startswith("["):
            raise Unreadable("a packet without an array")
        values = parse(data)
        is_event = kind in {_EVENT, _BINARY_EVENT}
        name: object = "<ack>" if not is_event else values[0] if values else None
        if not isinstance(name, str) or (is_event and name.startswith(("<", "/"))):
            raise Unreadable("an event without a name")
        self._attachments = count
        return (prefix + name,)
