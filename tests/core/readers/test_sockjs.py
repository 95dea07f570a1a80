"""Messages of SockJS."""

import json

import pytest

from stormdoor.core.readers import Unreadable, make_reader


def said(*types: str) -> str:
    """Return an array of messages of these types."""
    return json.dumps([json.dumps({"type": one}) for one in types])


def test_types() -> None:
    """Each message in the array has its type; a socket also takes one message without an array."""
    reader = make_reader("sockjs", ("type",), None)
    assert reader.read(said("a", "b")) == ("a", "b")
    assert reader.read(json.dumps('{"type":"a"}')) == ("a",)
    assert reader.read_body(said("a").encode()) == ("a",)
    assert reader.read("[]") == ()
    assert reader.read("") == ()


@pytest.mark.parametrize(
    "message",
    [
        '{"{\\"type\\":\\"b\\"}":1}',  # a server that iterates over it delivers the name
        '[{"type":"b"}]',
        '["{\\"type\\":\\"a\\"}",5]',
        '["{}"]',
        '["x"]',
        '["{\\"type\\":\\"a\\",\\"type\\":\\"b\\"}"]',
        "d=[]",
        "5",
    ],
)
def test_unreadable(message: str) -> None:
    """Anything but texts that are JSON is unreadable."""
    reader = make_reader("sockjs", ("type",), None)
    with pytest.raises(Unreadable):
        reader.read(message)
    with pytest.raises(Unreadable):
        reader.read_body(message.encode())


def test_a_body_is_an_array() -> None:
    """A server iterates over a text letter by letter, so that a body with one is unreadable."""
    with pytest.raises(Unreadable):
        make_reader("sockjs", ("type",), None).read_body(json.dumps('{"type":"a"}').encode())
