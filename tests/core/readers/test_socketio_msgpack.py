"""Messages of Socket.IO with packets in MessagePack."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from stormdoor.core.readers import Unreadable, make_reader

_EVENT = {"type": 2, "nsp": "/", "data": ["say", "hi"]}


def _packed(**changes: Any) -> bytes:
    return msgspec.msgpack.encode(_EVENT | changes)


def _in_base64(packet: bytes) -> str:
    return "b" + base64.b64encode(packet).decode()


@pytest.mark.parametrize(
    ("message", "types"),
    [
        (_packed(), ("say",)),
        (_packed(id=7), ("say",)),
        (_packed(data=["say", {"a": b"\0"}]), ("say",)),
        (_packed(nsp="/admin"), ("/admin,say",)),
        (_packed(type=3, id=1), ("<ack>",)),
        (_packed(type=3, nsp="/admin"), ("/admin,<ack>",)),
        (_packed(type=0, data={"token": "x"}), ()),
        (_packed(type=0, nsp="/admin"), ("/admin,<connect>",)),
        (_packed(type=1), ()),
        (_in_base64(_packed()), ("say",)),
        (_packed(**{f"more{count}": count for count in range(20)}), ("say",)),
        (b"\xdf\x00\x00\x00\x03" + _packed()[1:], ("say",)),
        ("2probe", ()),
        ("3", ()),
        ("5", ()),
    ],
)
def test_types(message: str | bytes, types: tuple[str, ...]) -> None:
    """An event has its name, with its namespace; packets of the transport have none."""
    assert make_reader("socketio-msgpack", (), None).read(message) == types


_TWICE = b"\x84" + _packed()[1:] + msgspec.msgpack.encode("type") + b"\x03"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"\x83",
        _packed() + b"\0",
        _TWICE,
        msgspec.msgpack.encode([2, "/", ["say"]]),
        msgspec.msgpack.encode({}),
        b"\x91" * 100_000,
        b"\x81\x80\x02",
        _packed(type=2.0),
        _packed(type=True),
        _packed(type="2"),
        _packed(type=4),
        _packed(type=5),
        _packed(type=-2),
        _packed(nsp=None),
        _packed(nsp=""),
        _packed(nsp="/a,b"),
        _packed(nsp="/a?b"),
        _packed(nsp=b"/"),
        _packed(data="say"),
        _packed(data={"0": "say"}),
        _packed(data=[]),
        _packed(data=[b"say"]),
        _packed(data=["<ack>"]),
        _packed(data=["/admin,say"]),
        _packed(data=None),
        "b",
        "b!",
        _in_base64(_packed()) + "=",
        _in_base64(_packed())[:-2] + "\n" + _in_base64(_packed())[-2:],
        '42["say"]',
        "0",
        "",
    ],
)
def test_unreadable(message: str | bytes) -> None:
    """A packet that another parser might read in another way, and text."""
    with pytest.raises(Unreadable):
        make_reader("socketio-msgpack", (), None).read(message)


def test_the_repeated_name_would_be_read() -> None:
    """The decoder itself takes the last of two entries with the same name."""
    assert msgspec.msgpack.decode(_TWICE)["type"] == 3


def test_bodies() -> None:
    """A body of polling has packets in Base64."""
    reader = make_reader("socketio-msgpack", (), None)
    one, other = _in_base64(_packed()), _in_base64(_packed(data=["wipe"]))
    assert reader.read_body(f"{one}\x1e3\x1e{other}".encode()) == ("say", "wipe")
    for body in (b"", _packed(), f"{one}\x1e".encode(), b'42["say"]', b"d=" + one.encode()):
        with pytest.raises(Unreadable):
            reader.read_body(body)


def test_the_namespaces_that_are_not_declared() -> None:
    """The connection to a namespace counts as `<connect>`, and nothing else does."""
    for name in ("socketio", "socketio-msgpack"):
        reader = make_reader(name, (), None)
        assert reader.general("/admin,<connect>") == "<connect>"
        for type in ("/admin,<ack>", "say,<connect>", "/admin,say", "<connect>"):
            assert reader.general(type) == type
