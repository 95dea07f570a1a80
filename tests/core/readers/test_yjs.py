"""The type of a message of Yjs, as the host of a shared document would read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.readers import Unreadable, make_reader

READER = make_reader("yjs", (), None)


@pytest.mark.parametrize(
    ("message", "type"),
    [
        (b"\x00\x00\x01\x00", "sync-step-1"),
        (b"\x00\x01\x05abcde", "sync-step-2"),
        (b"\x00\x02\x05abcde", "sync-update"),
        (b"\x00\x01\x02\x00\x00", "sync-empty"),
        (b"\x00\x02\x02\x00\x00", "sync-empty"),
        (b"\x00\x00\x02\x00\x00", "sync-step-1"),
        (b"\x01\x03abc", "awareness"),
        (b"\x02\x04save\x01", "raw"),
    ],
)
def test_a_message_has_the_type_of_its_first_bytes(message: bytes, type: str) -> None:
    """An update without a change is a type of its own: each client sends one when it connects."""
    assert READER.read(message) == (type,)


@pytest.mark.parametrize(
    "message", ["\x00\x00", b"", b"\x00", b"\x00\x03abc", b"\x03\x00", b"\x82\x00", b"\x00\x81\x00"]
)
def test_what_has_no_certain_type_is_unreadable(message: str | bytes) -> None:
    """A number of two bytes would be read by one host as one kind, and by another as another."""
    with pytest.raises(Unreadable):
        READER.read(message)


def test_there_is_no_http_transport() -> None:
    """A body has no type."""
    with pytest.raises(Unreadable):
        READER.read_body(b"\x00\x00\x01\x00")


@given(st.binary(max_size=40))
def test_only_an_empty_update_may_follow_as_empty(message: bytes) -> None:
    """A change is never taken for an empty update."""
    try:
        found = READER.read(message)
    except Unreadable:
        return
    assert (found == ("sync-empty",)) == (
        message[:1] == b"\x00"
        and message[1:2] in (b"\x01", b"\x02")
        and message[2:] == b"\x02\x00\x00"
    )
