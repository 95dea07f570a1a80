"""Readers of message types against hostile frames, and against the parsers of the servers themselves."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from stormdoor.core.readers import FORMATS, Unreadable, make_reader
from stormdoor.core.readers.jupyter import V1
from tests.core.readers.kernel_messages import binary, legacy, v1
from tests.tornado.transports.plain_http import library

EngineIoPacket: Any = library("engineio.packet").Packet
Payload: Any = library("engineio.payload").Payload
SocketIoPacket: Any = library("socketio.packet").Packet

PIECES = st.sampled_from(
    [
        *("4", "2", "5", "0", "6", "3", "b", "1-", "2-", "/admin", "/admin?x", ",", "12", "-", " "),
        *('["exec"]', '["a",{}]', "[", "]", '"', "{}", "NaN", "\u0663", "\u00b2", "\x1e"),
        *('4"2[\\"exec\\"]"', '[{"_placeholder":true,"num":0}]'),
    ]
)
PACKETS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=30)
WHOLE = st.sampled_from([v1(), v1("stdin"), binary(legacy(), b"xy")])


def flipped(frame: bytes, at: int, byte: int) -> bytes:
    """Return a frame with one byte replaced."""
    at %= len(frame)
    return frame[:at] + bytes([byte]) + frame[at + 1 :]


FRAMES = (
    PACKETS
    | st.binary(max_size=120)
    | st.builds(lambda whole, cut: whole[:cut], WHOLE, st.integers(0, 200))
    | st.builds(flipped, WHOLE, st.integers(0, 10_000), st.integers(0, 255))
)


@given(st.sampled_from(FORMATS), st.sampled_from([None, V1]), st.lists(FRAMES, max_size=6))
def test_hostile_frames(name: str, subprotocol: str | None, frames: list[str | bytes]) -> None:
    """A reader returns texts or None, or raises `Unreadable`, in every state."""
    reader = make_reader(name, ("type",), subprotocol)
    for frame in frames:
        try:
            types = reader.read(frame)
        except Unreadable:
            continue
        assert types is None or all(isinstance(one, str) for one in types)
    for frame in frames:
        try:
            reader.read_body(frame.encode() if isinstance(frame, str) else frame)
        except Unreadable:
            continue


def engine(message: str | bytes) -> list[Any]:
    """Return what Engine.IO hands to Socket.IO for a message of a WebSocket."""
    packet = EngineIoPacket(encoded_packet=message)
    return [packet.data] if packet.packet_type == 4 else []


class Server:
    """The steps of `socketio.AsyncServer._handle_eio_message` that decide which event is handled."""

    def __init__(self) -> None:
        self.acted: list[str] = []
        self._waiting: Any = None

    def receive(self, data: Any) -> None:
        """Process a message, and note the events that would be handled."""
        waiting = self._waiting
        if waiting is not None:
            if waiting.add_attachment(data):
                self._waiting = None
                self._act(waiting)
            return
        packet = SocketIoPacket(encoded_packet=data)
        if packet.packet_type in {5, 6}:
            self._waiting = packet
        elif packet.packet_type in {0, 2, 3}:
            self._act(packet)

    def _act(self, packet: Any) -> None:
        namespace = packet.namespace or "/"
        prefix = "" if namespace == "/" else f"{namespace},"
        if packet.packet_type == 0:
            self.acted += [f"{prefix}<connect>"] if prefix else []
        elif packet.packet_type in {3, 6}:
            self.acted.append(f"{prefix}<ack>")
        else:
            self.acted.append(f"{prefix}{packet.data[0]}")


@given(st.lists(PACKETS.map(lambda text: f"4{text}") | PACKETS | st.binary(max_size=8), max_size=6))
@example(['451-["a"]', '42["exec"]'])
@example(['4"2[\\"exec\\"]"'])
@example(['451-[{"_placeholder":true,"num":0}]', "bZXhlYw=="])
@example(['451-["up"]', b"\0", b'2["exec"]'])
@example(['42٣-["exec"]'])
def test_socketio_acts_only_on_types_that_were_read(messages: list[str | bytes]) -> None:
    """The server gets the readable messages, and handles no event that the reader did not name."""
    reader, server = make_reader("socketio", (), None), Server()
    named: list[str] = []
    for message in messages:
        try:
            types = reader.read(message)
        except Unreadable:
            continue
        named += types or ()
        try:
            for data in engine(message):
                server.receive(data)
        except Exception:  # noqa: BLE001, S112 - the server refuses the message
            continue
    assert not [one for one in server.acted if one not in named]


@given(st.lists(PACKETS | PACKETS.map(lambda text: f"4{text}"), max_size=5).map("\x1e".join))
@example('451-["a"]\x1e42["exec"]')
@example('d=42["exec"]')
def test_bodies_of_socketio(body: str) -> None:
    """The same of a body of long polling."""
    try:
        named = make_reader("socketio", (), None).read_body(body.encode("utf-8", "replace"))
    except Unreadable:
        return
    server = Server()
    with contextlib.suppress(Exception):  # the server refuses the rest
        for packet in Payload(encoded_payload=body).packets:
            if packet.packet_type == 4:
                server.receive(packet.data)
    assert not [one for one in server.acted if one not in named]


KEYS = st.sampled_from(["type", "Type", "ty\\u0070e", "a"])
VALUES = st.sampled_from(['"get"', '"exec"', "1", "1.0", "true", "NaN", '["exec"]', '"\\u0065xec"'])
OBJECTS = st.lists(st.tuples(KEYS, VALUES), max_size=4).map(
    lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
)


@given(OBJECTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]))
def test_json_agrees_with_every_parser(text: str, encoding: str) -> None:
    """If a type is read, `json` and a parser that takes the first of two names read the same one."""
    for message in (text, text.encode(encoding)):
        try:
            (found,) = make_reader("json", ("type",), None).read(message) or ()
        except Unreadable:
            continue
        firsts: Any = json.loads(message, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        assert str(json.loads(message)["type"]) == str(firsts["type"]) == found
