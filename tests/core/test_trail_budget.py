"""The budget counts at least the bytes that an entry takes, for any text."""

import pytest

from stormdoor.core.event import Event, encodable, seal
from stormdoor.core.trail_budget import file_bytes


@pytest.mark.parametrize("text", ["", "a" * 2_000, "\u2603" * 500, "\ud800" * 500])
def test_no_text_is_cheaper_than_its_entry(text: str) -> None:
    """Half surrogate pairs are stored written out, six bytes each, and are paid for in that form."""
    event = Event(time=1.0, name="authn_login_fail", user_agent=text)
    entry = seal(event, seq=1, previous="0" * 64, salt="0" * 32)
    assert entry.personal is not None
    assert file_bytes(event) >= len(entry.personal) + len(entry.body)
    assert file_bytes(event) == file_bytes(encodable(event))
