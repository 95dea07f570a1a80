"""Messages of Bokeh, which are several frames each."""

import pytest

from stormdoor.core.readers import Unreadable, make_reader


def test_a_message_without_buffers() -> None:
    """The header has the type; metadata and content continue it; the next frame is a header."""
    reader = make_reader("bokeh", (), None)
    for _ in range(2):
        assert reader.read('{"msgid":"1","msgtype":"PATCH-DOC"}') == ("PATCH-DOC",)
        assert reader.read("{}") is None
        assert reader.read('{"msgtype":"PULL-DOC-REQ"}') is None


def test_a_message_with_buffers() -> None:
    """Each buffer is a text and a binary frame."""
    reader = make_reader("bokeh", (), None)
    assert reader.read('{"msgtype":"PATCH-DOC","num_buffers":2}') == ("PATCH-DOC",)
    for frame in ("{}", "{}", '{"id":"a"}', b"\0", '{"id":"b"}', b"\0"):
        assert reader.read(frame) is None
    assert reader.read('{"msgtype":"OK"}') == ("OK",)


def test_frames_of_the_wrong_kind() -> None:
    """They are unreadable, and the reader still expects the right one, as the server does."""
    reader = make_reader("bokeh", (), None)
    reader.read('{"msgtype":"PATCH-DOC","num_buffers":1}')
    frames: list[str | bytes] = ["{}", "{}", '{"id":"a"}', b"\0"]
    for frame in frames:
        wrong = b"\0" if isinstance(frame, str) else '{"msgtype":"OK"}'
        with pytest.raises(Unreadable):
            reader.read(wrong)
        assert reader.read(frame) is None
    assert reader.read('{"msgtype":"OK"}') == ("OK",)


@pytest.mark.parametrize(
    "header",
    [
        b'{"msgtype":"OK"}',
        "[]",
        "{}",
        '["msgtype"]',
        '{"msgtype":["OK"]}',
        '{"msgtype":"OK","msgtype":"PATCH-DOC"}',
        '{"msgtype":"OK","num_buffers":-1}',
        '{"msgtype":"OK","num_buffers":1.0}',
        '{"msgtype":"OK","num_buffers":true}',
        '{"msgtype":"OK","num_buffers":"1"}',
        '{"msgtype":"OK","num_buffers":1000001}',
        '{"msgtype":"OK","num_buffers":0,"num_buffers":1}',
    ],
)
def test_unreadable_headers(header: str | bytes) -> None:
    """A header without one certain type and number of buffers is unreadable, and begins no message."""
    reader = make_reader("bokeh", (), None)
    with pytest.raises(Unreadable):
        reader.read(header)
    assert reader.read('{"msgtype":"OK"}') == ("OK",)


def test_no_http() -> None:
    """Bokeh sends no messages over HTTP."""
    with pytest.raises(Unreadable):
        make_reader("bokeh", (), None).read_body(b'{"msgtype":"OK"}')
