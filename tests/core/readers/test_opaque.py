"""Messages with a content that is not read."""

from stormdoor.core.readers import make_reader


def test_each_message_has_one_type() -> None:
    """Texts, bytes, empty messages and bodies are messages; no frame continues another one."""
    reader = make_reader("opaque", (), None)
    for message in ("", "x", b"", b"\xff", '{"type": "other"}'):
        assert reader.read(message) == ("message",)
    assert reader.read_body(b"\xff") == ("message",)
    assert reader.general("message") == "message"
