"""Messages of Socket.IO on Engine.IO."""

import pytest

from stormdoor.core.readers import Unreadable, make_reader


@pytest.mark.parametrize(
    ("message", "types"),
    [
        ("40", ()),
        ('40{"token":"x"}', ()),
        ("40/admin,", ("/admin,<connect>",)),
        ("40/admin?a=b,{}", ("/admin,<connect>",)),
        ("40/admin", ("/admin,<connect>",)),
        ("41", ()),
        ("41/admin,", ()),
        ('42["say","hi"]', ("say",)),
        ('42/,["say"]', ("say",)),
        ('42/admin,["wipe"]', ("/admin,wipe",)),
        ('42/admin,12["wipe"]', ("/admin,wipe",)),
        ('4213["say"]', ("say",)),
        ('42["a-b",{"x":1}]', ("a-b",)),
        ('431["x"]', ("<ack>",)),
        ('43/admin,1["x"]', ("/admin,<ack>",)),
        ('451-["up",{"_placeholder":true,"num":0}]', ("up",)),
        ('451-/admin,7["up",{"_placeholder":true,"num":0}]', ("/admin,up",)),
        ('461-1[{"_placeholder":true,"num":0}]', ("<ack>",)),
        ("2probe", ()),
        ("3", ()),
        ("5", ()),
        ("6", ()),
        ("1", ()),
    ],
)
def test_types(message: str, types: tuple[str, ...]) -> None:
    """An event has its name, with its namespace; packets of the transport have none."""
    assert make_reader("socketio", (), None).read(message) == types


@pytest.mark.parametrize(
    "message",
    [
        "",
        "0{}",
        "7",
        "x",
        "4",
        "4x",
        "44{}",
        "47",
        "42",
        "42{}",
        "42[]",
        "42[1]",
        '42[["a"]]',
        '42 ["a"]',
        '42["a"] x',
        '421-["a"]',
        '45["a"]',
        '450-["a"]',
        '451-[{"_placeholder":true,"num":0},"a"]',
        '459999999999-["a"]',
        '4"2[\\"a\\"]"',
        '42["<ack>"]',
        '42["/admin,wipe"]',
        '٤2["a"]',
        '4٢["a"]',
        '42٣["a"]',
        '42²-["a"]',
        '42["a",{"x":1,"x":2}]',
        '42["a",NaN]',
        '42/admin["a"]',
        '42999999999999999999999["a"]',
        '43{"a":1}',
        'd=42["a"]',
    ],
)
def test_unreadable(message: str) -> None:
    """A packet that is not of the default encoding, or that a server reads in another way."""
    with pytest.raises(Unreadable):
        make_reader("socketio", (), None).read(message)


def test_attachments() -> None:
    """So many binary messages continue the event; a text among them is unreadable, and one too many."""
    reader = make_reader("socketio", (), None)
    with pytest.raises(Unreadable):
        reader.read(b"\0")
    assert reader.read('453-["up"]') == ("up",)
    assert reader.read(b"\0") is None
    assert reader.read("3") == ()
    with pytest.raises(Unreadable):
        reader.read('42["exec"]')
    assert reader.read("bAAAA") is None
    assert reader.read(b"") is None
    with pytest.raises(Unreadable):
        reader.read(b"\0")
    assert reader.read('42["say"]') == ("say",)


def test_bodies() -> None:
    """A body of polling has several packets; an event has all of its attachments in the same body."""
    reader = make_reader("socketio", (), None)
    assert reader.read_body('42["say"]\x1e3\x1e42["é"]'.encode()) == ("say", "é")
    assert reader.read_body(b'451-["up"]\x1ebAAAA\x1e42["say"]') == ("up", "say")
    for body in (b'451-["up"]', b"bAAAA", b'42["a"]\x1e', b"", b"\xff", b'd=42["a"]', b"\x00"):
        with pytest.raises(Unreadable):
            reader.read_body(body)
