"""Messages that are one JSON text each."""

import pytest

from stormdoor.core.readers import Unreadable, make_reader


def test_types() -> None:
    """Texts, binary messages and bodies are read alike."""
    reader = make_reader("json", ("header", "type"), None)
    for message in ('{"header":{"type":"say"}}', b'{"header":{"type":"say"}}'):
        assert reader.read(message) == ("say",)
    assert reader.read_body(b'{"header":{"type":"say"}}') == ("say",)


def test_unreadable() -> None:
    """A message without the type has no certain one."""
    reader = make_reader("json", ("type",), None)
    for message in ("[]", "{}", "x", b"\xff", '{"type":"a","type":"b"}'):
        with pytest.raises(Unreadable):
            reader.read(message)
